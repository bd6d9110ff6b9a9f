# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
note 'an existing target'
qemu-img create -q -f qcow2 -o cluster_size=4k b.qcow2 1M
run strata convert -n -f raw -O qcow2 a.raw b.qcow2
same a.raw raw b.qcow2 qcow2
pattern c.raw 0 1M 66
run strata convert -n -f raw -O raw a.raw c.raw
run cmp a.raw c.raw
note 'a larger one, with something in it'
pattern d.raw 0 2M 66
run strata convert -n -f raw -O raw a.raw d.raw
size_of d.raw
run cmp -n 1048576 a.raw d.raw
show od -An -tx1 -N 4 -j 1048576 d.raw
note 'a smaller one'
pattern e.raw 0 512K 66
run strata convert -n -f raw -O raw a.raw e.raw
qemu-img create -q -f qcow2 e.qcow2 512k
run strata convert -n -f raw -O qcow2 a.raw e.qcow2
note 'none, and one of another format'
run strata convert -n -f raw -O raw a.raw missing.raw
run strata convert -n -f raw -O qcow2 a.raw missing.qcow2
run strata convert -n -f raw -O qcow2 a.raw c.raw
run strata convert -n -f raw -O raw a.raw b.qcow2
note 'zeros are written over data'
blank z.raw 1M
pattern f.raw 0 1M 66
run strata convert -n -f raw -O raw z.raw f.raw
run cmp z.raw f.raw
qemu-img convert -f raw -O qcow2 a.raw f.qcow2
run strata convert -n -f raw -O qcow2 z.raw f.qcow2
same z.raw raw f.qcow2 qcow2
