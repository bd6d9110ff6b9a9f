# beyond the peer: whether a file is replaced is the folder's business, as the new one is moved over it
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
pattern b.raw 0 4K 66
chmod 444 b.raw
run without_override strata convert -f raw -O raw a.raw b.raw
size_of b.raw
