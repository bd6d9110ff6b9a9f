# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
pattern b.raw 0 4K 66
mkdir folder
chmod 444 b.raw
chmod 555 folder
run without_override strata convert -f raw -O raw a.raw folder/b.raw
run without_override strata convert -n -f raw -O raw a.raw b.raw
run without_override strata convert -f raw -O raw a.raw b.raw
size_of b.raw
chmod 0 a.raw
run without_override strata convert -f raw -O raw a.raw c.raw
present c.raw
