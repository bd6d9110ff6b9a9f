# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# What is promised to be zero is not written: the old bytes stay where the source has zeros.
blank a.raw 1M
pattern a.raw 65536 65536 65
pattern b.raw 0 1M 66
run strata convert -n --target-is-zero -f raw -O raw a.raw b.raw
show od -An -tx1 -N 2 b.raw
show od -An -tx1 -N 2 -j 65536 b.raw
show od -An -tx1 -N 2 -j 131072 b.raw
