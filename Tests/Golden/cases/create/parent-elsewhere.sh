# beyond the peer: it makes no children of these formats
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkdir sub
for format in vpc vhdx; do
  blank raw 1M
  qemu-img convert -f raw -O $format raw p.$format
  ln -s p.$format l.$format
  note 'a parent that is not going to be followed is told of'
  run strata create -q -f $format -b ../p.$format -F $format sub/c.$format
  run strata checksum sub/c.$format
  run strata create -q -f $format -b l.$format -F $format c.$format
  note 'and others are not'
  run strata create -q -f $format -b p.$format -F $format c.$format
  run strata create -q -f $format -b "$PWD/p.$format" -F $format c.$format
  run strata checksum c.$format
  run strata create -q -u -f $format -b absent.$format -F $format c.$format 1M
done
