# beyond the peer: what cannot be read is told by its reason
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A compressed cluster whose bytes mean nothing.
pattern a.raw 0 256K 65
qemu-img convert -c -f raw -O qcow2 a.raw a.qcow2
bytes a.qcow2 $((0x50000)) ffffffffffffffff
run strata compare -f raw -F qcow2 a.raw a.qcow2
run strata compare -f qcow2 -F raw a.qcow2 a.raw
run strata compare -q -f raw -F qcow2 a.raw a.qcow2
note 'no raw image to compare with, so that only zeros are looked for'
blank z.raw 256K
run strata compare -f raw -F qcow2 z.raw a.qcow2
