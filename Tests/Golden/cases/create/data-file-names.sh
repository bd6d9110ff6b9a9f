# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for name in file:x ./file:y 'file:z:w' file:file:v foo:u json:t; do
  run strata create -f qcow2 -o data_file="$name" a.qcow2 1M
  ls
  qemu-img info a.qcow2 2>/dev/null | grep 'data file:'
  rm -f a.qcow2 ./*:* x z w v
done
note 'the same in convert'
blank a.raw 64K
run strata convert -f raw -O qcow2 -o data_file=file:x a.raw a.qcow2
ls
run strata map a.qcow2
note 'a name that was written later is what the file is called'
run strata amend -o data_file=file:y a.qcow2
run strata map a.qcow2
cp x file:y
run strata map a.qcow2
