# beyond the peer: it knows no children of vhdx images
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# fill IMAGE OFFSET PATTERN writes 64 KiB.
fill() { run strata bench -q -w -c 1 -s 64k -o "$2" --pattern "$3" "$1"; }
pattern a.raw 0 8M 1
qemu-img convert -f raw -O vhdx a.raw a.vhdx
run strata create -q -f vhdx -b a.vhdx -F vhdx b.vhdx
fill b.vhdx 64k 2
run strata create -q -f vhdx -b b.vhdx -F vhdx c.vhdx
fill c.vhdx 128k 3
run strata convert -O raw c.vhdx before.raw

note 'layers above the one that is emptied, and above the base, are brought into step'
run strata commit b.vhdx
run strata compare c.vhdx before.raw
run strata commit -b a.vhdx c.vhdx
run strata compare c.vhdx before.raw
run strata compare b.vhdx before.raw
run strata check c.vhdx

note 'broken off, the image reads the same'
for place in 1M 2M 3M 4M; do fill b.vhdx $place 4; done
run strata convert -O raw b.vhdx before.raw
(
  ulimit -f 8192
  run strata commit b.vhdx
)
run strata compare b.vhdx before.raw
run strata commit -d b.vhdx
run strata compare b.vhdx before.raw
run strata compare a.vhdx before.raw
