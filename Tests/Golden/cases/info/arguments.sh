# beyond the peer: newer releases accept -q everywhere
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4k
run strata info
run strata info a.raw a.raw
run strata info --output a.raw
run strata info --output=xml a.raw
run strata info --output= a.raw
run strata info --output=JSON a.raw
run strata info -f
run strata info --frob a.raw
run strata info -Z a.raw
run strata info -q a.raw
run strata info -U a.raw
run strata info --force-share a.raw
run strata info --backing-chain=1 a.raw
run strata info -- a.raw
run strata info a.raw --output=json
