# beyond the peer: it cannot do any of this
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
run strata measure -f raw -O vdi a.raw
run strata measure -O vdi -o static=on --size 10M
qemu-img convert -f raw -O vdi a.raw a.vdi
run strata resize a.vdi 300G
run strata resize a.vdi 100M
run strata resize --shrink a.vdi 4M
same a.raw raw a.vdi vdi
run bash -c "strata inspect a.vdi | grep -v ' id: '"
run strata map --output=json a.vdi

qemu-img create -q -f vdi -o static=on b.vdi 2M
bytes b.vdi 516 00 00 00 00
bytes b.vdi 388 07
run strata check b.vdi
run strata check -r all b.vdi
run strata check b.vdi
