# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
blank a.raw 512K
pattern a.raw 393216 1000 66
qemu-img convert -c -f raw -O qcow2 a.raw a.qcow2
qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd a.raw b.qcow2
run strata map a.qcow2
run strata map b.qcow2
qemu-img create -q -f qcow2 -o cluster_size=4k,data_file=c.data c.qcow2 64k
run strata map c.qcow2
