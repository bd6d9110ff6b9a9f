# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata resize a.raw 2M
run strata resize a.raw 1M
run strata resize --image-opts driver=raw,file.filename=a.raw,size=512 1M
run strata resize --image-opts driver=raw,file.filename=a.raw,offset=512 2M
size_of a.raw
chmod 444 a.raw
run without_override strata resize -f raw a.raw 4M
mkdir dir
qemu-img create -q -f qcow2 c.qcow2 1M
bytes c.qcow2 72 0000000000000002
run strata resize c.qcow2 3M
