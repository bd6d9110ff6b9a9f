# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
qemu-img create -q -f qcow2 a.qcow2 1M
run strata info 'json:{"driver":"raw","file":{"driver":"file","filename":"a.raw"}}'
run strata info 'json:{"file":{"driver":"file","filename":"a.qcow2"}}'
run strata info 'json:{"driver":"qcow2","file.driver":"file","file.filename":"a.qcow2"}'
run strata info --output=json 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}'
run strata info 'json:{"driver":"file","filename":"a.qcow2"}'
run strata info --image-opts driver=qcow2,file.driver=file,file.filename=a.qcow2
run strata info --image-opts driver=qcow2,file.filename=a.qcow2
run strata info --image-opts file.filename=a.qcow2
run strata info --image-opts filename=a.qcow2
run strata info --image-opts driver=raw,file.filename=a.qcow2
run strata info --image-opts driver=raw,offset=65536,size=131072,file.filename=a.qcow2
run strata info --image-opts driver=file,filename=a.qcow2
cp a.raw 'with,comma'
run strata info --image-opts driver=raw,file.filename=with,,comma
run strata info 'with,comma'
cp a.raw colon:name
run strata info colon:name
run strata info ./colon:name
run strata info file:colon:name
