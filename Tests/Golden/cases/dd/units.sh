# beyond the peer: count is applied behind skip, as GNU dd does; the peer takes skip off it
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 20480
for words in 'count=3 skip=1' 'bs=1000 count=2 skip=1' 'bs=7 count=100 skip=1' 'bs=4k count=2 skip=3' \
  'count=1000B skip=2' 'bs=1k count=3 skip=700B' 'bs=1KiB skip=1kB' 'bs=2x256 count=2x3' \
  'bs=1k count=1000 iflag=count_bytes' 'bs=1k skip=1500 iflag=skip_bytes,fullblock' 'bs=1c count=9w'; do
  # shellcheck disable=SC2086
  run strata dd -f raw $words if=a.raw of=b.raw
  size_of b.raw
  # shellcheck disable=SC2086
  dd $words if=a.raw of=c.raw status=none 2>/dev/null && cmp -n "$(stat -c %s c.raw)" b.raw c.raw
done
for words in count=18446744073709551615x1 bs=1xx bs=kB iflag=frob oflag=direct conv=ucase; do
  run strata dd -f raw "$words" if=a.raw of=d.raw
done
present d.raw
