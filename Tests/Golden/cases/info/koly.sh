# beyond the peer: it knows the format by the name alone
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'a last sector that begins as a trailer does'
blank a.raw 1M
noise a.raw 0 1000k
for sign in 6b6f6c79 6b6f6c790000000400000200; do
  bytes a.raw 1048064 $sign
  run strata info a.raw
  run strata inspect a.raw
done
note 'called as an image of the format'
cp a.raw a.dmg
run strata info a.dmg
run strata inspect a.dmg
run strata info -f raw a.dmg
note 'one that fits the file, and is damaged otherwise'
blank b.raw 1M
bytes b.raw 1048064 6b6f6c790000000400000200
bytes b.raw 1048280 00000000000000000000000000001000
bytes b.raw 1048556 0000000000000800
run strata info b.raw
run strata info -f raw b.raw
