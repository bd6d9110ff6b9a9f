# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
note 'an overlay longer than one base, shorter than the other'
qemu-img create -q -f qcow2 long 4M
qemu-io -f qcow2 -c 'write -P 7 0 4M' long >/dev/null
qemu-img create -q -f qcow2 short 512K
qemu-img create -q -f qcow2 -b base -F qcow2 over 2M
qemu-img convert -f qcow2 -O raw over over.raw
run strata rebase -b short -F qcow2 over
same over.raw raw over qcow2
run strata rebase -b long -F qcow2 over
same over.raw raw over qcow2
run strata rebase -b before.raw -F raw over
same over.raw raw over qcow2
note 'version 2, which has no zero clusters'
qemu-img create -q -f qcow2 -o compat=0.10 -b short -F qcow2 old 2M
run strata rebase -b long -F qcow2 old
run strata rebase -b '' old
blank zero.raw 2M
same zero.raw raw old qcow2
note 'subclusters'
qemu-img create -q -f qcow2 -o extended_l2=on -b base -F qcow2 sub 1M
qemu-io -f qcow2 -c 'write -P 9 2k 2k' sub >/dev/null
qemu-img convert -f qcow2 -O raw sub sub.raw
run strata rebase -b base2 -F qcow2 sub
same sub.raw raw sub qcow2
for image in over old sub; do show qemu-img check -q -f qcow2 $image; done
