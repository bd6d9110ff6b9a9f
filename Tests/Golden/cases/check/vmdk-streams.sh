# beyond the peer: it looks into no grain, and reads no image without its end
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 40M
pattern a.raw 0 200k 7
noise a.raw 36M 100k
run strata convert -f raw -O vmdk -o subformat=streamOptimized a.raw a.vmdk
run strata check a.vmdk
note 'without the footer'
cp a.vmdk b.vmdk
truncate -s -1536 b.vmdk
run strata check b.vmdk
run strata compare a.raw b.vmdk
run strata convert -n -f raw -O vmdk a.raw b.vmdk
run strata check -r all b.vmdk
cmp a.vmdk b.vmdk
note 'with zeros behind it'
cp a.vmdk b.vmdk
truncate -s +1M b.vmdk
run strata compare a.raw b.vmdk
run strata check -r all b.vmdk
cmp a.vmdk b.vmdk
note 'cut inside a grain'
cp a.vmdk b.vmdk
truncate -s 70000 b.vmdk
run strata map b.vmdk
cp b.vmdk kept.vmdk
run strata check -r leaks b.vmdk
cmp kept.vmdk b.vmdk
run strata check -r all b.vmdk
run strata check b.vmdk
run strata map b.vmdk
show qemu-img check -q b.vmdk
truncate -s 65536 b.vmdk
run strata check -r all b.vmdk
note 'a grain of another place, one that does not inflate'
cp a.vmdk b.vmdk
bytes b.vmdk 65536 01
bytes b.vmdk 66060 ff
run strata check b.vmdk
run strata check -r all b.vmdk
run strata convert -O raw b.vmdk b.raw
present b.raw
note 'a damaged marker, and something behind the end'
cp a.vmdk b.vmdk
bytes b.vmdk 66048 03
printf '%600s' x | tr ' ' y >>b.vmdk
run strata check b.vmdk
run strata check -r all b.vmdk
run strata map b.vmdk
run strata convert -O raw b.vmdk b.raw
note 'without its directory, too'
cp a.vmdk b.vmdk
bytes b.vmdk 66048 03
truncate -s -2560 b.vmdk
run strata check -r all b.vmdk
run strata map b.vmdk
note 'those of qemu-img'
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized a.raw c.vmdk
run strata check c.vmdk
bytes c.vmdk 65548 00 00
run strata check c.vmdk
