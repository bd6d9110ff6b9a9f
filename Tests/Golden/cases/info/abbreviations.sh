# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4k
run strata info --out=json a.raw
run strata info --outp json a.raw
run strata info --back a.raw
run strata info --o=json a.raw
run strata info --f a.raw
run strata info --force a.raw
