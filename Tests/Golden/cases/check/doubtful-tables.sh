# beyond the peer: it refuses, or forgets the snapshot
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A table that is said to be longer than it is covers what others have: nothing of theirs is mended as its own.
qemu-img create -q -f qcow2 -o cluster_size=4096 sound.qcow2 1M
qemu-io -c 'write -q -P 9 0 256k' sound.qcow2
qemu-img snapshot -c one sound.qcow2
qemu-io -c 'write -q -P 12 0 256k' sound.qcow2
run strata checksum sound.qcow2
run strata checksum -l one sound.qcow2
snapshots=$((16#$(od -An -tx1 -j64 -N8 sound.qcow2 | tr -d ' ')))
snapshot_l1=$(od -An -tx1 -j"$snapshots" -N8 sound.qcow2)

damaged() {
  cp sound.qcow2 "$1"
  bytes "$@"
  strata check -q -r all "$1" >/dev/null 2>&1
  run strata checksum "$1"
  run strata checksum -l one "$1"
}
# One bit of the snapshot's L1 size, of the active one's, and a disk that was left with the snapshot's table.
damaged snapshot.qcow2 $((snapshots + 8)) 00 00 10 01
damaged active.qcow2 36 00 00 10 01
# shellcheck disable=SC2086
damaged lent.qcow2 40 $snapshot_l1
run strata check lent.qcow2
