# beyond the peer: it tells which of its modules are missing, and maps all as data
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# 4096 times 7, compressed.
zlib=78daedc1310d000000c3a0b3fe1dcfc70214000000f06e7c807001

# make_dmg FILE ZLIB [SECTORS] makes an image of 8 sectors stored as they are, 8 of zeros, 8 of zlib, and 8 that nobody
# cares for.
make_dmg() {
  local list
  rm -f table; blank table $((204 + 5 * 40))
  bytes table 0 6d697368 00000001 0000000000000000 0000000000000020
  bytes table 200 00000005
  bytes table 204 00000001 00000000 0000000000000000 0000000000000008 0000000000000000 0000000000001000
  bytes table 244 00000000 00000000 0000000000000008 0000000000000008 0000000000001000 0000000000000000
  bytes table 284 80000005 00000000 0000000000000010 0000000000000008 0000000000001000 0000000000000000
  bytes table 324 00000002 00000000 0000000000000018 0000000000000008 0000000000001000 0000000000000000
  bytes table 364 ffffffff 00000000 0000000000000020
  rm -f "$1"; noise "$1" 0 4096
  bytes "$1" 4096 "$2"
  bytes table 322 "$(printf '%04x' $((${#2} / 2)))"
  list="<plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict><key>Data</key><data>$(base64 -w0 table)</data></dict></array></dict></dict></plist>"
  local place=$((4096 + ${#2} / 2))
  printf '%s' "$list" >>"$1"
  rm -f koly; blank koly 512
  bytes koly 0 6b6f6c79 00000004 00000200 00000001
  bytes koly 32 "$(printf '%016x' $place)"
  bytes koly 56 00000001 00000001
  bytes koly 216 "$(printf '%016x%016x' $place ${#list})"
  bytes koly 488 00000001 "$(printf '%016x' "${3-32}")"
  cat koly >>"$1"
}

make_dmg a.dmg $zlib
run strata info a.dmg
run strata info --output=json a.dmg
run strata map a.dmg
run strata map --output=json a.dmg
run strata measure -O qcow2 a.dmg
run strata check a.dmg
run strata inspect a.dmg
run strata convert -O raw a.dmg a.raw
{ head -c 4096 a.dmg; head -c 4096 /dev/zero; head -c 4096 /dev/zero | tr '\0' '\7'; head -c 4096 /dev/zero; } >wanted
run cmp a.raw wanted
run strata compare a.dmg wanted

note 'nothing changes or makes one'
run strata resize a.dmg 20M
run strata create -f dmg new.dmg 1M
run strata convert -O dmg wanted new.dmg
present new.dmg

note 'another name, and more behind the end'
cp a.dmg image
head -c 300 /dev/zero >>image
run strata info image

note 'sectors that no chunk has'
make_dmg gap.dmg $zlib 40
run strata convert -O raw gap.dmg gap.raw
run strata check gap.dmg
run strata convert --image-opts -O raw driver=dmg,fill-gaps=zero,file.filename=gap.dmg gap.raw
run strata info --image-opts driver=dmg,fill-gaps=ones,file.filename=gap.dmg
run strata info --image-opts driver=dmg,max-chunk=2G,file.filename=gap.dmg
run strata info --image-opts driver=dmg,max-chunk=2k,file.filename=gap.dmg
