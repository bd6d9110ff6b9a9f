# beyond the peer: the target is replaced when the new one is complete and untouched before (X-02, C-01)
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
pattern old.raw 0 4K 66
cp old.raw copy.raw
run strata convert -f raw -O qcow2 -o cluster_size=3 a.raw old.raw
run cmp old.raw copy.raw
run strata convert -f raw -O raw missing.raw old.raw
run cmp old.raw copy.raw
qemu-img convert -c -f raw -O qcow2 a.raw broken.qcow2
bytes broken.qcow2 $((0x50000)) ffffffffffffffff
run strata convert -m 1 -O raw broken.qcow2 old.raw
run cmp old.raw copy.raw
run strata convert -m 1 -O raw broken.qcow2 new.raw
present new.raw
run strata convert -f raw -O raw a.raw old.raw
run cmp old.raw a.raw
