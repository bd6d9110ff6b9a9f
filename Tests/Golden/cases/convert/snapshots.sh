# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern one.raw 0 1M 65
pattern two.raw 0 1M 66
qemu-img convert -f raw -O qcow2 one.raw a.qcow2
qemu-img snapshot -c first a.qcow2
qemu-img convert -n -f raw -O qcow2 two.raw a.qcow2
qemu-img snapshot -c second a.qcow2
qemu-img snapshot -c 1 a.qcow2
for name in first second 1 2 snapshot.id=1 snapshot.name=first snapshot.id=1,snapshot.name=first; do
  run strata convert -l "$name" -O raw a.qcow2 "b.raw"
  for content in one two; do cmp -s b.raw $content.raw && note "that is $content"; done
done
for name in nosuch '' snapshot.id=9 snapshot.name=nosuch snapshot.id=2,snapshot.name=first snapshot.frob=1 snapshot.id= ; do
  run strata convert -l "$name" -O raw a.qcow2 c.raw
done
run strata convert -l first -f raw -O raw one.raw c.raw
run strata convert -l first -O raw a.qcow2 a.qcow2 c.raw
run strata convert -s first -O raw a.qcow2 c.raw
present c.raw
run strata convert -l first -O qcow2 a.qcow2 d.qcow2
same one.raw raw d.qcow2 qcow2
run strata info d.qcow2
