# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata info a.raw
run strata info -f raw a.raw
run strata info --output=json a.raw
run strata info --output=human a.raw
blank b.raw 0
run strata info b.raw
blank c.raw 100
run strata info c.raw
run strata info --output=json c.raw
blank d.raw 513
run strata info d.raw
