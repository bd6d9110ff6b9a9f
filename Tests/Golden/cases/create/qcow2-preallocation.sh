# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for mode in off metadata falloc full none '' junk; do
  run strata create -f qcow2 -o "preallocation=$mode" a.qcow2 1M
done
for mode in off metadata falloc full; do
  strata create -q -f qcow2 -o "preallocation=$mode" b.qcow2 1M
  run strata check b.qcow2
  [[ $mode == off || $mode == metadata ]] && run strata map b.qcow2
done
blank base.raw 1M
run strata create -f qcow2 -o preallocation=metadata -b base.raw -F raw c.qcow2
run strata create -f qcow2 -o preallocation=falloc -b base.raw -F raw c.qcow2
