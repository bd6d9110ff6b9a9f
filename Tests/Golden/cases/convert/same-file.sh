# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Target same as source: what is left of it.
pattern a.raw 0 64K 65
cp a.raw copy.raw
run strata convert -f raw -O raw a.raw a.raw
run cmp a.raw copy.raw
run strata convert -f raw -O qcow2 a.raw a.raw
run cmp a.raw copy.raw
ln a.raw link.raw
run strata convert -f raw -O raw a.raw link.raw
run cmp a.raw copy.raw
run strata convert -n -f raw -O raw a.raw a.raw
run cmp a.raw copy.raw
