# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Of a range's being compressed only newer releases tell.
without_flag() { "$@" | sed -E 's/, "compressed": (true|false)//'; }
blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat; do
  run strata convert -f raw -O vmdk -o subformat=$subformat a.raw a.vmdk
  same a.raw raw a.vmdk vmdk
  allocation vmdk a.vmdk
  run strata check -q a.vmdk
  qemu-img convert -f raw -O vmdk -o subformat=$subformat a.raw theirs.vmdk
  run without_flag strata map --output=json theirs.vmdk
  run strata convert -O raw theirs.vmdk b.raw
  same a.raw raw b.raw raw
  run strata convert -n -f raw -O vmdk a.raw theirs.vmdk
  same a.raw raw theirs.vmdk vmdk
  rm -f ./*.vmdk
done
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized a.raw stream.vmdk
run without_flag strata map --output=json stream.vmdk
run strata map stream.vmdk
run strata compare a.raw stream.vmdk
run strata convert -O raw stream.vmdk b.raw
same a.raw raw b.raw raw
run strata create -q -f vmdk base.vmdk 6M
run strata convert -f raw -O vmdk -B base.vmdk -F vmdk a.raw d.vmdk
same a.raw raw d.vmdk vmdk
run strata snapshot -c s d.vmdk
run strata commit d.vmdk
same a.raw raw base.vmdk vmdk
run strata commit base.vmdk
note 'asked to compress, it stores as it is; only streams are compressed'
for subformat in monolithicSparse twoGbMaxExtentSparse streamOptimized monolithicFlat; do
  run strata convert -c -f raw -O vmdk -o subformat=$subformat a.raw c.vmdk
  if [[ $subformat != *Flat ]]; then same a.raw raw c.vmdk vmdk; fi
  rm -f c*.vmdk
done
qemu-img create -q -f vmdk c.vmdk 6M
run strata convert -n -c -f raw -O vmdk a.raw c.vmdk
same a.raw raw c.vmdk vmdk
