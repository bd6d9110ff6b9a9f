# beyond the peer: it has fewer formats, and no advice
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'nothing is announced that is not made'
for format in bochs cloop dmg ova ovf; do
  run strata create -f $format new.$format 1M
  run strata create -q -f $format new.$format 1M
  present new.$format
done
