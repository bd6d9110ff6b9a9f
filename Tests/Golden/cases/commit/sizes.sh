# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
note 'a base that is shorter'
qemu-img create -q -f qcow2 short 512k
qemu-img create -q -f qcow2 -b short -F qcow2 long 1M
qemu-io -f qcow2 -c 'write -P 9 768k 64k' long >/dev/null
qemu-img convert -f qcow2 -O raw long long.raw
run strata commit long
same long.raw raw long qcow2
same long.raw raw short qcow2
show qemu-img info short
note 'a base that is longer'
make_chain
qemu-img create -q -f qcow2 -b base -F qcow2 over 512k
qemu-io -f qcow2 -c 'write -P 9 0 64k' over >/dev/null
qemu-img convert -f qcow2 -O raw over over.raw
run strata commit over
same over.raw raw over qcow2
allocation qcow2 base
note 'a layer in between that is shorter than both'
qemu-img create -q -f qcow2 low 1M
qemu-io -f qcow2 -c 'write -P 5 0 1M' low >/dev/null
qemu-img create -q -f qcow2 -b low -F qcow2 middle 512k
qemu-img create -q -f qcow2 -b middle -F qcow2 high 1M
qemu-img convert -f qcow2 -O raw high high.raw
run strata commit -b low high
same high.raw raw high qcow2
same high.raw raw low qcow2
note 'a raw base'
pattern r.raw 0 1M 65
qemu-img create -q -f qcow2 -b r.raw -F raw onraw 2M
qemu-io -f qcow2 -c 'write -P 9 0 4k' -c 'write -z 64k 64k' -c 'write -P 8 1536k 4k' onraw >/dev/null
qemu-img convert -f qcow2 -O raw onraw onraw.raw
run strata commit onraw
same onraw.raw raw onraw qcow2
show cmp onraw.raw r.raw
