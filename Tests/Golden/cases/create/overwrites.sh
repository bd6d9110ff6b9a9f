# beyond the peer: a failed create leaves the file that was there (C-01); the peer deletes it
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Creating over a file: what a failure leaves of it.
pattern old.raw 0 4096 65
run strata create -f qcow2 -o cluster_size=3 old.raw 1M
size_of old.raw
run strata create -f raw old.raw 4X
size_of old.raw
run strata create -f raw old.raw 8k
size_of old.raw
run cmp -n 8192 old.raw /dev/zero
run strata create -f qcow2 old.raw 1M
run strata create -f raw old.raw 64k
run strata info old.raw
