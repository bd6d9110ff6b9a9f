# beyond the peer: it has no such command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4k old.qcow2 1M
qemu-img create -q -f qcow2 -o extended_l2=on,lazy_refcounts=on,compression_type=zstd,refcount_bits=1 new.qcow2 1M
# The peer fails now and then where so little time is measured.
until qemu-img create -q -f qcow2 --object secret,id=s,data=x -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=100 luks.qcow2 1M 2>log; do :; done
# The peer fails now and then where so little time is measured.
until qemu-img create -q -f luks --object secret,id=s,data=x -o key-secret=s,iter-time=100 disk.luks 1M 2>log; do :; done
qemu-img snapshot -c one old.qcow2
for image in old.qcow2 new.qcow2 luks.qcow2; do run strata inspect $image; done
run strata inspect --output=json new.qcow2
note 'all but the random id'
run sh -c 'strata inspect disk.luks | grep -v ^uuid:'
