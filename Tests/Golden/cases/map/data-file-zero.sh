# beyond the peer: of clusters that read as zero it takes the first place in a data file for none
# needs: qemu-io
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'bit 63 says that offset 0 is a place (qcow2 specification, "Standard Cluster Descriptor")'
qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on disk 256k
qemu-io -f qcow2 -c 'write -z 0 64k' -c 'write -z -u 64k 64k' disk >/dev/null
run strata map --output=json -f qcow2 disk
run strata check --output=json -f qcow2 disk
