# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkdir folder
blank locked.raw 4k
chmod 444 locked.raw
chmod 555 folder
run without_override strata create -f raw locked.raw 1M
run without_override strata create -f qcow2 locked.raw 1M
run without_override strata create -f raw folder/a.raw 1M
size_of locked.raw
