# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Much space and little data.
blank a.raw 64G
pattern a.raw 0 1 65
pattern a.raw 34359738368 65536 66
pattern a.raw 68719476735 1 67
run strata convert -f raw -O qcow2 a.raw a.qcow2
allocation qcow2 a.qcow2
run strata check a.qcow2
run strata convert -f qcow2 -O raw a.qcow2 b.raw
size_of b.raw
same a.raw raw b.raw raw
run strata convert -c -O qcow2 a.qcow2 c.qcow2
same a.qcow2 qcow2 c.qcow2 qcow2
run strata compare -f qcow2 -F qcow2 a.qcow2 c.qcow2
qemu-img create -q -f qcow2 d.qcow2 1T
run strata convert -O qcow2 d.qcow2 e.qcow2
run strata compare -f qcow2 -F qcow2 d.qcow2 e.qcow2
run strata map e.qcow2
