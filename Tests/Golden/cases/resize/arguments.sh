# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata resize
run strata resize a.qcow2
run strata resize -1M
run strata resize a.qcow2 1M 2M
run strata resize -- -1M
run strata resize a.qcow2 -f
run strata resize -p a.qcow2 1M
run strata resize -U a.qcow2 2M
run strata resize --frob a.qcow2 2M
run strata resize --object frob,id=a a.qcow2 2M
run strata resize --preallocation=frob missing frob
run strata resize --preallocation= a.qcow2 4M
run strata resize --image-opts -f raw x frob
run strata resize --image-opts -f raw x 1M
run strata resize --image-opts driver=qcow2,file.filename=a.qcow2 2M
run strata resize "json:{'driver':'qcow2','file':{'driver':'file','filename':'a.qcow2'}}" 3M
run strata resize missing 1M
run strata resize '' 1M
run strata resize -f frob a.qcow2 10M
blank a.raw 1M
run strata resize -f qcow2 a.raw 10M
run strata resize -q -f qcow2 a.qcow2 4M
run strata resize a.qcow2 -fqcow2 +1M
run strata info a.qcow2
note 'an image that is read-only because its options say so'
qemu-img create -q -f qcow2 fixed.qcow2 1M
run strata resize --image-opts driver=qcow2,read-only=on,file.filename=fixed.qcow2 2M
run strata resize --image-opts driver=raw,read-only=on,file.filename=fixed.qcow2 2M
run strata resize --image-opts driver=qcow2,file.read-only=on,file.filename=fixed.qcow2 1M
