# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Options of a node show in the name when the plain file name would not say the same.
blank base.raw 1M
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2
run strata info --image-opts driver=qcow2,file.filename=a.qcow2,backing.driver=raw,backing.file.filename=base.raw
run strata info --image-opts driver=qcow2,file.filename=a.qcow2,lazy-refcounts=on
run strata info --image-opts driver=qcow2,file.filename=a.qcow2,lazy-refcounts=maybe
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"backing":null}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2","locking":"off"}}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2","locking":"maybe"}}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"cache-size":1}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"read-only":true}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"read-only":"maybe"}'
run strata info 'json:{"driver":"qcow2","node-name":"top","file":{"driver":"file","filename":"a.qcow2"}}'
run strata info 'json:{"driver":"qcow2","node-name":"1 bad","file":{"driver":"file","filename":"a.qcow2"}}'
