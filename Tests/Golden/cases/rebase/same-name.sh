# beyond the peer: it rebases no image of these formats
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Identifiers are drawn by lot.
without_ids() {
  "$@" 2>&1 | sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g; s/CID is [0-9a-f]+, parentCID is [0-9a-f]+/CID is N, parentCID is N/'
}
for format in vmdk vhdx; do
  qemu-img create -q -f $format base 4M
  run strata create -q -f $format -b base -F $format child
  run strata bench -w -c 3 -d 1 -s 512 -S 1M --pattern 9 -q child
  note 'the parent has changed: another name for it does not help, the same does'
  run strata bench -w -c 1 -s 512 -o 3M --pattern 3 -q base
  run without_ids strata checksum child
  mv base moved
  run strata rebase -u -b moved -F $format child
  run without_ids strata checksum child
  run strata rebase -u -b moved -F $format child
  run strata checksum child
  run strata check -q child
  note 'where there is no such file, nothing changes'
  mv moved base
  run strata rebase -u -b moved -F $format child
  mv base moved
  run strata checksum child
  rm child moved
done
