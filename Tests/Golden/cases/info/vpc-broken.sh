# beyond the peer: it looks neither at the end of the file nor at much else
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vpc -o force_size=on sound.vpc 4M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there, with right checksums.
damaged() {
  cp sound.vpc "$1"
  bytes "$@"
  (($2 >= 512)) || bytes "$1" $(($2 + 2048)) "${@:3}"
  mend "$1" 0 512 64
  mend "$1" 2048 512 64
  mend "$1" 512 1024 36
  run strata info "$1"
  run strata check "$1"
}
# mend NAME OFFSET LENGTH FIELD makes a checksum right.
mend() {
  local sum
  bytes "$1" $(($2 + $4)) 00 00 00 00
  sum=$(od -An -v -tu1 -j "$2" -N "$3" "$1" | awk '{for (i = 1; i <= NF; i++) sum += $i} END {print sum}')
  bytes "$1" $(($2 + $4)) $(printf '%08x' $((0xffffffff - sum)) | sed 's/../& /g')
}
both() { bytes "$1" "$2" "${@:3}" && bytes "$1" $(($2 + 2048)) "${@:3}"; }
cp sound.vpc cookie.vpc
both cookie.vpc 0 00
run strata info cookie.vpc
run strata info -f vpc cookie.vpc
cp sound.vpc sum.vpc
both sum.vpc 40 01
run strata info sum.vpc
cp sound.vpc front.vpc
bytes front.vpc 40 01
run strata info front.vpc
run strata check front.vpc
run strata check -r all front.vpc
run strata check front.vpc
cp sound.vpc tail.vpc
bytes tail.vpc 2100 01
run strata info tail.vpc
run strata check -r all tail.vpc
cp sound.vpc short.vpc
truncate -s 2559 short.vpc
run strata info short.vpc
cp sound.vpc header-sum.vpc
bytes header-sum.vpc 548 00
run strata check header-sum.vpc
run strata check -r all header-sum.vpc
damaged header-magic.vpc 512 00
damaged header-version.vpc 536 00 02
damaged version.vpc 12 00 02
damaged type0.vpc 60 00 00 00 00
damaged type2.vpc 60 00 00 00 02
damaged type7.vpc 60 00 00 00 07
damaged orphan.vpc 60 00 00 00 04
damaged data-offset0.vpc 16 00 00 00 00 00 00 00 00
damaged data-offset1.vpc 16 00 00 00 00 00 00 02 01
damaged data-offset-far.vpc 16 00 00 00 00 ff ff 00 00
damaged data-offset-all.vpc 16 ff ff ff ff ff ff ff ff
damaged size0.vpc 48 00 00 00 00 00 00 00 00
damaged size1.vpc 48 00 00 00 00 00 00 00 01
damaged size-large.vpc 48 00 00 00 00 40 00 00 00
damaged size-huge.vpc 48 00 04 00 00 00 00 00 00
damaged size-all.vpc 48 ff ff ff ff ff ff ff ff
damaged no-geometry.vpc 56 00 00 00 00
damaged azure.vpc 28 77 61 00 00 00 05 00 03 57 69 32 6b 00 00 00 00 00 40 00 00 00 00 00 00 00 40 00 00 00 10 04 11
damaged virtual-pc.vpc 28 76 70 63 20 00 05 00 03 57 69 32 6b 00 00 00 00 00 40 00 00 00 00 00 00 00 40 00 00 00 10 04 11
damaged saved.vpc 84 01
damaged named.vpc 68 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 01
run strata inspect named.vpc
damaged block0.vpc 544 00 00 00 00
damaged block511.vpc 544 00 00 01 ff
damaged block512.vpc 544 00 00 02 00
damaged block3M.vpc 544 00 30 00 00
damaged block512M.vpc 544 20 00 00 00
damaged entries1.vpc 540 00 00 00 01
damaged entries-more.vpc 540 00 01 00 00
damaged entries-huge.vpc 540 7f ff ff ff
damaged entries-all.vpc 540 ff ff ff ff
damaged table0.vpc 528 00 00 00 00 00 00 00 00
damaged table-in-header.vpc 528 00 00 00 00 00 00 04 00
damaged table-far.vpc 528 00 00 00 00 ff ff ff 00
damaged table-all.vpc 528 ff ff ff ff ff ff ff 00
damaged entry-in-header.vpc 1536 00 00 00 01
damaged entry-in-table.vpc 1536 00 00 00 03
damaged entry-far.vpc 1536 7f ff ff ff
damaged entry-last.vpc 1536 ff ff ff fe
run strata convert -O raw entry-far.vpc out.raw
run strata map entry-far.vpc
