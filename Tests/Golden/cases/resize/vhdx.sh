# beyond the peer: it changes no length, measures and maps nothing, and knows no sectors of 4096 bytes
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 20M
pattern a.raw 1M 1M 5
run strata measure -f raw -O vhdx a.raw
run strata measure -O vhdx -o subformat=fixed,block_size=1M --size 10M
qemu-img convert -f raw -O vhdx -o block_size=1M a.raw a.vhdx
run strata map a.vhdx
run strata map --output=json a.vhdx
run strata resize a.vhdx 300G
run strata resize a.vhdx 100M
run strata resize --shrink a.vhdx 20M
same a.raw raw a.vhdx vhdx
run strata resize a.vhdx 65T
run strata resize a.vhdx 20M --preallocation=metadata
run strata resize --preallocation=full a.vhdx 23M
run strata map a.vhdx
run strata check a.vhdx
run bash -c "strata inspect a.vhdx | grep -v ' id: '"

run strata create -f vhdx -o logical_sector_size=4096 b.vhdx 5000
run strata info b.vhdx
run strata resize b.vhdx 16896
run strata create -f vhdx -o logical_sector_size=1024 c.vhdx 5000
run strata create -f vhdx -o preallocation=metadata c.vhdx 1M
run strata create -f vhdx -o preallocation=falloc,block_size=1M c.vhdx 2M
size_of c.vhdx
run strata create -f vhdx -o help
