# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
pattern a.raw 196608 131072 66
qemu-img convert -f raw -O qcow2 -o data_file=a.data a.raw a.qcow2
run strata map a.qcow2
qemu-img convert -f raw -O qcow2 -o data_file=b.data,data_file_raw=on a.raw b.qcow2
run strata map b.qcow2
rm a.data
run strata map a.qcow2
