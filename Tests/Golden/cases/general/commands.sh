# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata
run strata frob
run strata frob --help
run strata Create a.raw 1M
run strata ''
run strata -Z
run strata --frob
run strata --frob create a.raw 1M
run strata -q create a.raw 1M
present a.raw
