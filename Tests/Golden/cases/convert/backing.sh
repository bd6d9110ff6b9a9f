# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern base.raw 0 1M 65
qemu-img convert -f raw -O qcow2 base.raw base.qcow2
cp base.raw a.raw
pattern a.raw 131072 65536 66
pattern a.raw 262144 65536 0
run strata convert -f raw -O qcow2 -B base.raw -F raw a.raw b.qcow2
same a.raw raw b.qcow2 qcow2
run strata info b.qcow2
allocation qcow2 b.qcow2
run strata convert -f raw -O qcow2 -o backing_file=base.qcow2,backing_fmt=qcow2 a.raw c.qcow2
same a.raw raw c.qcow2 qcow2
note 'an overlay becomes an overlay: only what is in it is copied'
qemu-img create -q -f qcow2 -b base.raw -F raw over.qcow2
blank d.raw 1M
pattern d.raw 65536 65536 67
qemu-img convert -n --target-is-zero -f raw -O qcow2 d.raw over.qcow2
run strata convert -O qcow2 -B base.raw -F raw over.qcow2 e.qcow2
allocation qcow2 e.qcow2
same over.qcow2 qcow2 e.qcow2 qcow2
note 'flattened'
run strata convert -O qcow2 over.qcow2 f.qcow2
run strata info f.qcow2
same over.qcow2 qcow2 f.qcow2 qcow2
note 'compressed'
run strata convert -c -O qcow2 -B base.raw -F raw over.qcow2 g.qcow2
allocation qcow2 g.qcow2
same over.qcow2 qcow2 g.qcow2 qcow2
