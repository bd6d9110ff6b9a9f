# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A dirty image whose refcounts are behind: what lazy refcounts leave after a crash.
pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 -o lazy_refcounts=on a.raw a.qcow2
bytes a.qcow2 79 01
bytes a.qcow2 $((0x20000 + 2 * 5)) 0000 0000
run strata check a.qcow2
run strata check --output=json a.qcow2
run strata info a.qcow2
