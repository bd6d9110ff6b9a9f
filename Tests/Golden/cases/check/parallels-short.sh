# beyond the peer: it says nothing of a cluster that the end of the file cuts short
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 0 200k 7
qemu-img convert -f raw -O parallels -o cluster_size=64k a.raw short.hds
truncate -s 300000 short.hds
run strata check short.hds
run strata check --output=json short.hds
run strata check -r leaks short.hds
run strata check -r all short.hds
run strata check short.hds
