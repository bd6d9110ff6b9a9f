# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
blank a.raw 1M
run strata measure
run strata measure a.qcow2
run strata measure --size 1M a.raw
run strata measure -O raw a.raw a.raw
run strata measure --size 1G -f raw
run strata measure --size 1G -l one
run strata measure --size 1G --image-opts
run strata measure --image-opts -f raw a.raw
run strata measure --image-opts driver=qcow2,file.filename=a.qcow2
run strata measure --output=xml --size 1M
run strata measure -O frob --size 1G
run strata measure -O file --size 1M
run strata measure --size frob
run strata measure --size 8E
run strata measure missing
run strata measure -f qcow2 a.raw
run strata measure -l snapshot.frob=1 a.qcow2
run strata measure --object frob,id=a a.raw
qemu-img create -q -f qcow2 a.qcow2 1M
for words in '-O nope' '-O qcow2 -o nope=1' '-O qcow2 -o cluster_size=3' '-O vdi -o nope=1' '-O qcow2 -l nope -o nope=1'; do
  run strata measure $words missing
  run strata measure $words a.qcow2
done
