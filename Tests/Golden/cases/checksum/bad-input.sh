# beyond the peer: it has no such command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata checksum
run strata checksum a.raw a.raw
run strata checksum missing
run strata checksum -f frob a.raw
run strata checksum -f qcow2 a.raw
run strata checksum -a frob a.raw
run strata checksum -m 0 a.raw
run strata checksum -T frob a.raw
run strata checksum --output=frob a.raw
run strata checksum -l one -f raw a.raw
run strata checksum --frob
