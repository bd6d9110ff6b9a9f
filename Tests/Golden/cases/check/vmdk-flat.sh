# beyond the peer: it reads zeros and has no check
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for subformat in monolithicFlat twoGbMaxExtentFlat; do
  qemu-img create -q -f vmdk -o subformat=$subformat a.vmdk 6M
  run strata check a.vmdk
  truncate -s 1M a-f*.vmdk
  run strata check a.vmdk
  run strata check -r all a.vmdk
  truncate -s 7M a-f*.vmdk
  run strata check a.vmdk
done
