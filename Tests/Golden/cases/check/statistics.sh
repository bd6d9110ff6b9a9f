# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Allocated, fragmented and compressed clusters.
blank a.raw 1M
pattern a.raw 65536 65536 65
pattern a.raw 196608 131072 66
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata check a.qcow2
run strata check --output=json a.qcow2
qemu-img convert -c -f raw -O qcow2 a.raw b.qcow2
run strata check b.qcow2
run strata check --output=json b.qcow2
qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd,extended_l2=on a.raw c.qcow2
run strata check c.qcow2
note 'two clusters whose order is reversed, and one third of the image'
blank d.raw 9M
pattern d.raw 0 3M 65
qemu-img convert -f raw -O qcow2 d.raw d.qcow2
run strata check d.qcow2
bytes d.qcow2 262144 8000000000060000 8000000000050000
run strata check d.qcow2
run strata check --output=json d.qcow2
note 'snapshots'
qemu-img snapshot -c one d.qcow2
run strata check d.qcow2
run strata check --output=json d.qcow2
