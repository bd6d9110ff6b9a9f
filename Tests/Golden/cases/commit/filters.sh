# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
# beyond the peer: an image below filters is emptied, too
# The image that is committed is the one below filters in front of it, and is read through them.
group="--object throttle-group,id=g"
make_chain
run strata commit --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=top
chain_state
make_chain
run strata commit $group --image-opts driver=throttle,throttle-group=g,file.driver=copy-on-read,file.file.driver=qcow2,file.file.file.filename=top
chain_state
make_chain
run strata commit -d --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=top
chain_state
make_chain
run strata commit --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=top,inject-error.0.event=none,inject-error.0.iotype=read
chain_state
make_chain
run strata commit --image-opts driver=raw,file.driver=qcow2,file.file.filename=top
