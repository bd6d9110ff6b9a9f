# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# All that may stand in one image, in the order of its lines and keys.
blank base.raw 1M
qemu-img create -q -f qcow2 -o data_file=a.data,lazy_refcounts=on -b base.raw -F raw a.qcow2
qemu-img create -q -f qcow2 -o lazy_refcounts=on,compression_type=zstd,extended_l2=on -b base.raw -F raw b.qcow2
qemu-img snapshot -c one b.qcow2
qemu-img bitmap --add b.qcow2 bits
bytes b.qcow2 79 1b
run strata info a.qcow2
run strata info --output=json a.qcow2
run strata info b.qcow2
run strata info --output=json b.qcow2
