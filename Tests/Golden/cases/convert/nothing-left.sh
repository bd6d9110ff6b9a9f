# beyond the peer: a failed conversion leaves no new file (X-02, C-01); the peer leaves some
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
run strata convert -t frob -f raw -O raw a.raw b.raw
run strata convert -f raw -O raw -o preallocation=metadata a.raw b.raw
run strata convert -f raw -O raw -o preallocation=frob a.raw b.raw
run strata convert -f raw -O qcow2 -B missing.raw -F raw a.raw b.qcow2
run strata convert -f raw -O qcow2 -B a.raw -F qcow2 a.raw b.qcow2
present b.raw b.qcow2
run strata convert -c -f raw -O qcow2 -o data_file=b.data a.raw b.qcow2
present b.qcow2
qemu-img convert -c -f raw -O qcow2 a.raw broken.qcow2
bytes broken.qcow2 $((0x50000)) ffffffffffffffff
run strata convert -m 1 -O raw broken.qcow2 b.raw
run strata convert -m 1 -O qcow2 broken.qcow2 b.qcow2
run strata convert -m 1 -c -O qcow2 broken.qcow2 b.qcow2
present b.raw b.qcow2
