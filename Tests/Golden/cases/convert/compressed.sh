# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
noise a.raw 262144 100000
for options in compat=1.1 compression_type=zstd cluster_size=4k cluster_size=2M compat=0.10 extended_l2=on; do
  run strata convert -c -f raw -O qcow2 -o "$options" a.raw a.qcow2
  same a.raw raw a.qcow2 qcow2
  run strata check -q a.qcow2
done
run strata convert -f qcow2 -O raw a.qcow2 b.raw
run cmp a.raw b.raw
run strata convert -c -O qcow2 a.qcow2 c.qcow2
same a.raw raw c.qcow2 qcow2
run strata convert -c -W -m 16 -f raw -O qcow2 a.raw d.qcow2
same a.raw raw d.qcow2 qcow2
note 'compressing what does not fit into whole clusters'
noise e.raw 0 70000
run strata convert -c -f raw -O qcow2 e.raw e.qcow2
run strata info e.qcow2
run strata convert -O raw e.qcow2 f.raw
size_of e.raw f.raw
run cmp -n 70000 e.raw f.raw
