# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Several sources are laid end to end.
pattern a.raw 0 128K 65
pattern b.raw 0 64K 66
pattern c.raw 0 1000 67
qemu-img convert -f raw -O qcow2 b.raw b.qcow2
run strata convert -f raw -O raw a.raw b.raw ab.raw
run cmp ab.raw <(cat a.raw b.raw) | sed 's|/dev/fd/[0-9]*|-|'
run strata convert -O qcow2 a.raw b.qcow2 c.raw abc.qcow2
run strata info abc.qcow2
run strata convert -O raw abc.qcow2 abc.raw
run cmp -n 197608 abc.raw <(cat a.raw b.raw c.raw) | sed 's|/dev/fd/[0-9]*|-|'
size_of ab.raw abc.raw
run strata convert -f raw -O raw a.raw missing.raw d.raw
run strata convert -f qcow2 -O raw b.qcow2 a.raw d.raw
present d.raw
run strata convert -c -f raw -O qcow2 a.raw b.raw e.qcow2
same ab.raw raw e.qcow2 qcow2
