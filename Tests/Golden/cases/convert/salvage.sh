# beyond the peer: what cannot be read is told by its reason
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k a.raw a.qcow2
# The first compressed cluster is made unreadable.
bytes a.qcow2 $((0x5000)) ffffffffffffffff
run strata convert -m 1 -O raw a.qcow2 b.raw
run strata convert -m 1 --salvage -O raw a.qcow2 c.raw
size_of c.raw
run cmp -n 4096 c.raw /dev/zero
run cmp -i 4096 a.raw c.raw
run strata convert -m 1 -q --salvage -O qcow2 a.qcow2 d.qcow2
run strata convert --salvage -C -O raw a.qcow2 e.raw
run strata convert --salvage -f raw -O raw a.raw f.raw
run cmp a.raw f.raw
