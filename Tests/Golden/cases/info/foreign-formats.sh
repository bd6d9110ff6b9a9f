# beyond the peer: it takes versions of formats that it does not read for raw disks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for format in bochs cloop dmg; do blank "a.$format" 1M; done
printf 'Bochs Virtual HD Image' | dd of=a.bochs conv=notrunc status=none
printf '#!/bin/sh\n#V4.0 Format\nmodprobe cloop' | dd of=a.cloop conv=notrunc status=none
truncate -s -512 a.dmg
printf 'koly\0\0\0\5\0\0\2\0' >>a.dmg
truncate -s +500 a.dmg
blank b.dmg 1M
printf 'encrcdsa' | dd of=b.dmg conv=notrunc status=none
blank c.dmg 1M
printf 'sprs\0\0\0\3' | dd of=c.dmg conv=notrunc status=none
for image in a.bochs a.cloop a.dmg b.dmg c.dmg; do run strata info $image; done
run strata info --output=json a.dmg
for format in bochs cloop dmg; do run strata info -f $format "a.$format"; done

note 'every command that looks at the content refuses'
blank raw 1M
run strata convert -O raw a.bochs out.raw
run strata convert -O qcow2 raw a.bochs out.qcow2
present out.raw out.qcow2
run strata compare a.bochs raw
run strata check a.bochs
run strata measure -O qcow2 a.bochs
run strata map a.bochs
run strata resize a.bochs 2M
run strata dd if=a.bochs of=out.raw

note 'also below another image'
qemu-img create -q -f qcow2 top.qcow2 1M
run strata convert --image-opts -O raw driver=qcow2,file.filename=top.qcow2,backing.file.filename=a.bochs out.raw

note 'and every command takes it for a disk that is said to be one'
run strata info -f raw a.bochs
run strata convert -f raw -O raw a.bochs out.raw
run cmp a.bochs out.raw

note 'a disk that is only called so is a raw one'
blank raw.dmg 1M
run strata info raw.dmg
