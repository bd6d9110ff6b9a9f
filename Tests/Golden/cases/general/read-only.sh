# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# An image that the command line says is read-only is not changed, whatever the command.
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
qemu-img create -q -f raw a.raw 1M
for image in read-only=on file.read-only=on; do
  image=driver=qcow2,$image,file.filename=top.qcow2
  run strata bench -c 1 -w --image-opts $image
  run strata snapshot -c x --image-opts $image
  run strata bitmap --add --image-opts $image x
  run strata check -r all --image-opts $image
  run strata convert -n --target-image-opts a.raw $image
  run strata commit --image-opts $image
  run strata commit -d --image-opts $image
  run strata rebase -b '' --image-opts $image
  run strata rebase -u -b '' --image-opts $image
done
