# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
for offset in 0 1 511 512 65536 500000 1048575; do
  cp a.raw b.raw
  pattern b.raw "$offset" 1 66
  run strata compare -f raw -F raw a.raw b.raw
done
run strata compare -q -f raw -F raw a.raw b.raw
run strata compare -s -f raw -F raw a.raw b.raw
note 'the first of several'
pattern b.raw 300000 1 66
pattern b.raw 200000 1 66
run strata compare -f raw -F raw b.raw a.raw
note 'data where the other has nothing'
blank z.raw 1M
qemu-img create -q -f qcow2 z.qcow2 1M
run strata compare -f raw -F raw z.raw a.raw
run strata compare -f raw -F qcow2 a.raw z.qcow2
pattern z.raw 700000 1 66
run strata compare -f raw -F qcow2 z.raw z.qcow2
run strata compare -f qcow2 -F raw z.qcow2 z.raw
