# beyond the peer: it has no streams, osize and isize
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 307200
noise a.raw 2M 102400
strata dd -f raw if=a.raw of=- | cmp - a.raw && note "written to a stream"
strata dd -f raw bs=1000 skip=7 count=20 if=a.raw of=- | cmp -n 20000 -i 0:7000 - a.raw && note "a part of it"
strata dd -O qcow2 if=- of=b.qcow2 <a.raw
same a.raw raw b.qcow2 qcow2
strata dd bs=1k skip=2 count=3 if=- of=c.raw <a.raw
cmp -n 3072 -i 2048:0 a.raw c.raw
strata dd if=- of=- bs=1k count=5 <a.raw | cmp -n 5120 - a.raw && note "from stream to stream"
strata dd -O qcow2 conv=sparse osize=5M if=- of=d.qcow2 <a.raw
show qemu-img check d.qcow2
same a.raw raw d.qcow2 qcow2
strata dd -O qcow2 isize=1M if=- of=e.qcow2 <a.raw
cmp -n 1048576 a.raw <(qemu-img dd -f qcow2 -O raw if=e.qcow2 of=e.raw && cat e.raw)
# shellcheck disable=SC2016
run bash -c 'strata dd isize=10M if=- of=f.raw <a.raw'
run bash -c 'strata dd osize=1M if=- of=f.raw <a.raw'
run bash -c 'strata dd skip=1M if=- of=g.raw <a.raw'
run strata dd -f raw isize=10M if=a.raw of=f.raw
run strata dd -f raw osize=1M if=a.raw of=f.raw
run strata dd -f qcow2 if=- of=f.raw
run strata dd -O qcow2 if=a.raw of=-
run strata dd osize=1M if=a.raw of=-
present f.raw
size_of g.raw
run strata dd -f raw osize=4M if=a.raw of=h.raw
same a.raw raw h.raw raw
size_of h.raw
