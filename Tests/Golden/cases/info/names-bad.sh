# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
qemu-img create -q -f qcow2 a.qcow2 1M
run strata info json:
run strata info json:{}
run strata info 'json:{'
run strata info 'json:[]'
run strata info 'json:{"driver":"frob"}'
run strata info 'json:{"driver":"raw"}'
run strata info 'json:{"driver":"file"}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"missing"}}'
run strata info 'json:{"driver":"qcow2","frob":1,"file":{"driver":"file","filename":"a.qcow2"}}'
run strata info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2","frob":"x"}}'
run strata info 'json:{"driver":"qcow2","file":"nosuchnode"}'
run strata info --image-opts a.qcow2
run strata info --image-opts ''
run strata info --image-opts driver=frob,file.filename=a.qcow2
run strata info --image-opts driver=qcow2
run strata info --image-opts driver=qcow2,file.filename=missing
run strata info --image-opts driver=qcow2,frob=1,file.filename=a.qcow2
run strata info --image-opts driver=qcow2,file.frob=1,file.filename=a.qcow2
run strata info --image-opts -f qcow2 driver=qcow2,file.filename=a.qcow2
run strata info --image-opts driver=raw,offset=512,file.filename=missing
run strata info --image-opts driver=raw,offset=2M,file.filename=a.raw
run strata info --image-opts driver=raw,size=2M,file.filename=a.raw
run strata info --image-opts driver=raw,offset=1,file.filename=a.raw
run strata info --image-opts driver=raw,size=1000,file.filename=a.raw
run strata info --image-opts driver=raw,size=junk,file.filename=a.raw
