# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Another backing file than the header names.
pattern base.raw 0 1M 65
pattern other.raw 0 1M 66
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2
run strata convert -O raw a.qcow2 b.raw
run cmp b.raw base.raw
run strata convert --image-opts -O raw driver=qcow2,file.filename=a.qcow2,backing.driver=raw,backing.file.filename=other.raw b.raw
run cmp b.raw other.raw
run strata convert -O raw 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"backing":null}' b.raw
run cmp -n 1048576 b.raw /dev/zero
mkdir sub
mv a.qcow2 sub
run strata convert -O raw sub/a.qcow2 b.raw
run strata convert --image-opts -O raw driver=qcow2,file.filename=sub/a.qcow2,backing.driver=raw,backing.file.filename=base.raw b.raw
run cmp b.raw base.raw
