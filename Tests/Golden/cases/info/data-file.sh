# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 -o data_file=a.data a.qcow2 1M
qemu-img create -q -f qcow2 -o data_file=b.data,data_file_raw=on b.qcow2 1M
run strata info a.qcow2
run strata info --output=json a.qcow2
run strata info b.qcow2
rm a.data
run strata info a.qcow2
mkdir sub
mv b.qcow2 sub
run strata info sub/b.qcow2
mv b.data sub
run strata info sub/b.qcow2
run strata info sub/b.data
