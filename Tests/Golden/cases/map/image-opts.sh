# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern base.raw 0 1M 65
pattern other.raw 0 1M 66
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2
run strata map --image-opts driver=qcow2,file.driver=file,file.filename=a.qcow2
run strata map --image-opts driver=qcow2,file.filename=a.qcow2,backing.driver=raw,backing.file.filename=other.raw
run strata map --image-opts driver=qcow2,file.filename=a.qcow2,backing.file.filename=missing.raw
run strata map 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"backing":null}'
run strata map 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"},"backing":{"driver":"raw","file":{"driver":"file","filename":"other.raw"}}}'
run strata map 'json:{"driver":"raw","offset":65536,"size":131072,"file":{"driver":"file","filename":"base.raw"}}'
run strata map --image-opts driver=qcow2,file.filename=a.qcow2,backing.frob=1
run strata map --image-opts driver=qcow2,file.filename=a.qcow2,backing=
