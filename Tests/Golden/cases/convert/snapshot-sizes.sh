# beyond the peer: a snapshot has the size that it was taken with
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A snapshot of another virtual size than the image has now.
pattern one.raw 0 1M 65
qemu-img convert -f raw -O qcow2 one.raw a.qcow2
qemu-img snapshot -c first a.qcow2
qemu-img resize -q a.qcow2 2M
run strata info a.qcow2
run strata convert -l first -O raw a.qcow2 b.raw
size_of b.raw
