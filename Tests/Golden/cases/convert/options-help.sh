# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata convert -O raw -o help
run strata convert -O qcow2 -o help
run strata convert -O raw -o help a.raw
run strata convert -O raw -o help a.raw b.raw
run strata convert -O qcow2 -o help a.raw b.qcow2
run strata convert -O frob -o help
run strata convert -o help
present b.raw b.qcow2
