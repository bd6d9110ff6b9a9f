# beyond the peer: it reads these formats
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for format in bochs cloop dmg; do blank "a.$format" 1M; done
printf 'Bochs Virtual HD Image' | dd of=a.bochs conv=notrunc status=none
printf '#!/bin/sh\n#V2.0 Format\nmodprobe cloop' | dd of=a.cloop conv=notrunc status=none
printf 'koly\0\0\0\4\0\0\2\0' >>a.dmg
truncate -s +500 a.dmg
for format in bochs cloop dmg; do run strata info "a.$format"; done
run strata info --output=json a.dmg

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
