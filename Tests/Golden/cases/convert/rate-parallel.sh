# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
for option in '-r 100M' '-r 1G' '-r 0' '-m 1' '-m 16' '-W' '-W -m 16' '-m 4 -W -r 1G'; do
  # shellcheck disable=SC2086  # several words
  run strata convert $option -f raw -O qcow2 a.raw b.qcow2
  same a.raw raw b.qcow2 qcow2
done
for option in '-r junk' '-r -1' '-r 8E' '-m 0' '-m 17' '-m -1' '-m junk' '-m 1.5' '-m 0x4' '-m 4k'; do
  # shellcheck disable=SC2086
  run strata convert $option -f raw -O qcow2 a.raw c.qcow2
done
run strata convert -m '' -f raw -O qcow2 a.raw c.qcow2
run strata convert -r '' -f raw -O qcow2 a.raw c.qcow2
run strata convert -m
