# beyond the peer: it has no such command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 307200
noise a.raw 20M 102400
blank a.raw 40M
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
qemu-img convert -f raw -O qcow2 -c -o cluster_size=4k a.raw b.qcow2
run strata checksum -f raw a.raw
run strata checksum a.qcow2
run strata checksum -m 1 b.qcow2
run strata checksum --plain b.qcow2
show sha256sum a.raw
for name in sha512 sha1 md5 blake2b sha3-256; do
  run strata checksum --algorithm "$name" a.qcow2
  run strata checksum --plain -a "$name" a.qcow2
done
show sha512sum a.raw
show b2sum a.raw
run strata checksum --output=json a.qcow2
run strata checksum --output=json --plain -a sha1 a.qcow2
run strata checksum -p a.qcow2
note "the length counts, and so does the place"
blank c.raw 41M
run strata checksum -f raw c.raw
blank c.raw 42M
run strata checksum -f raw c.raw
: >empty.raw
run strata checksum -f raw empty.raw
qemu-img snapshot -c one a.qcow2
qemu-io -f qcow2 -c 'write -q 1M 64k' a.qcow2
run strata checksum a.qcow2
run strata checksum -l one a.qcow2
