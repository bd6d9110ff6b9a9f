# beyond the peer: it finds neither what blocks share nor what is lost, and mends nothing
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 4M 5
qemu-img convert -f raw -O vhdx -o block_size=1M a.raw sound.vhdx
run strata check sound.vhdx
# The block map stands at 2 MiB; the blocks follow each other from 8 MiB on.
damaged() {
  cp sound.vhdx "$1"
  bytes "$@"
  run strata check "$1"
  run strata check -r leaks "$1"
  run strata check -r all "$1"
  run strata check "$1"
}
damaged shared.vhdx 2097154 90
damaged far.vhdx 2097154 00 40
damaged tables.vhdx 2097154 20
damaged state.vhdx 2097152 04
damaged header.vhdx 65536 00
damaged other-header.vhdx 131072 00
damaged regions.vhdx 196608 00
damaged other-regions.vhdx 262144 00
damaged lost.vhdx 2097152 02
