# beyond the peer: it has no seek, and destroys its source where that is the target
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 10240
qemu-img create -q -f qcow2 b.qcow2 1M
qemu-io -f qcow2 -c 'write -q -P 7 0 1M' b.qcow2
qemu-img convert -f qcow2 -O raw b.qcow2 expected.raw
run strata dd -f raw -O qcow2 bs=1000 skip=1 seek=70 count=3 if=a.raw of=b.qcow2
dd bs=1000 skip=1 seek=70 count=3 conv=notrunc status=none if=a.raw of=expected.raw
same b.qcow2 qcow2 expected.raw raw
run strata dd -f raw -O qcow2 conv=notrunc if=a.raw of=b.qcow2
dd conv=notrunc status=none if=a.raw of=expected.raw
same b.qcow2 qcow2 expected.raw raw
run strata dd -f raw -O qcow2 bs=1M seek=2 if=a.raw of=b.qcow2
show qemu-img check b.qcow2
dd bs=1M seek=2 status=none conv=notrunc if=a.raw of=expected.raw
same b.qcow2 qcow2 expected.raw raw
run strata dd -f raw -O qcow2 seek=1 osize=1M if=a.raw of=b.qcow2
run strata dd -f raw -O qcow2 seek=3000B if=a.raw of=new.qcow2
dd bs=1000 seek=3 status=none if=a.raw of=new.raw
same new.qcow2 qcow2 new.raw raw
cp a.raw before.raw
run strata dd -f raw if=a.raw of=a.raw
run strata dd -f raw seek=1 if=a.raw of=a.raw
run strata dd -f raw -O frob if=a.raw of=c.raw
cmp a.raw before.raw && note "a.raw is as it was"
present c.raw
