# beyond the peer: it has no words for what a part of a disk is
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentSparse d.vmdk 3G
run strata convert -O raw d-s002.vmdk out.raw
run strata compare d-s002.vmdk d-s002.vmdk
run strata info --output=json d-s002.vmdk
run strata check d-s002.vmdk
run strata inspect d-s002.vmdk
run strata compare d.vmdk d.vmdk
note 'of a host'
blank c.vmdk 2560
bytes c.vmdk 0 434f5744 01000000 03000000 e8030000 01000000 04000000 01000000 05000000
run strata convert -O raw c.vmdk out.raw
run strata convert -f vmdk -O raw c.vmdk out.raw
run strata info c.vmdk
run strata check c.vmdk
run strata inspect c.vmdk
