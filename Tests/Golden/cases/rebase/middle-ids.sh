# beyond the peer: it knows no parents of vhdx
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A layer in the middle whose content stays is the parent of those above it as before.
for format in vhdx vmdk; do
  blank a.raw 4M
  pattern a.raw 0 2M 1
  run strata convert -f raw -O $format a.raw a.img
  run strata create -q -f $format -b a.img -F $format b.img
  run strata bench -w -c 1 -s 1M -o 1M --pattern 2 -q b.img
  run strata create -q -f $format -b b.img -F $format c.img
  run strata convert -O raw c.img before.raw
  # The parent under another name.
  cp a.img moved.img
  run strata rebase -u -b moved.img -F $format b.img
  run strata compare -f raw before.raw c.img
  # A parent with other content: what it does not show is written to the layer.
  run strata create -q -f $format other.img 4M
  run strata rebase -b other.img -F $format b.img
  run strata compare -f raw before.raw c.img
  # On nothing.
  run strata rebase -b '' b.img
  run strata compare -f raw before.raw c.img
  rm -f *.img before.raw
done
