# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for options in '' compat=0.10 extended_l2=on cluster_size=512 refcount_bits=64 lazy_refcounts=on; do
  note "options: $options"
  blank a.raw 4M
  noise a.raw 100000 50000
  noise a.raw 2000000 300
  qemu-img convert -f raw -O qcow2 ${options:+-o "$options"} a.raw a.qcow2
  run strata snapshot -c one a.qcow2
  noise b.raw 3999744 256
  qemu-img convert -f raw -O qcow2 -n b.raw a.qcow2
  run strata snapshot -c two a.qcow2
  run strata snapshot -a one a.qcow2
  qemu-img check -q a.qcow2 || note damaged
  same a.raw raw a.qcow2 qcow2
  run strata snapshot -a two a.qcow2
  qemu-img check -q a.qcow2 || note damaged
  same b.raw raw a.qcow2 qcow2
  run strata snapshot -d one a.qcow2
  qemu-img check -q a.qcow2 || note damaged
  run strata snapshot -l a.qcow2
  run strata snapshot -d two a.qcow2
  qemu-img check -q a.qcow2 || note damaged
  same b.raw raw a.qcow2 qcow2
  rm -f ./*.raw ./*.qcow2
done
