# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
pattern a.raw 131072 131072 66
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata convert --image-opts -O raw driver=qcow2,file.driver=file,file.filename=a.qcow2 b.raw
run cmp a.raw b.raw
run strata convert --image-opts -O raw driver=raw,offset=131072,size=131072,file.filename=a.raw c.raw
size_of c.raw
run cmp -i 131072:0 -n 131072 a.raw c.raw
run strata convert --image-opts -f raw -O raw driver=raw,file.filename=a.raw d.raw
run strata convert --image-opts -O raw a.raw d.raw
run strata convert 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}' e.raw
run cmp a.raw e.raw
run strata convert -O raw 'json:{"driver":"raw","offset":131072,"size":131072,"file":{"driver":"file","filename":"a.raw"}}' f.raw
size_of f.raw
note 'a target by its options must exist'
qemu-img create -q -f qcow2 g.qcow2 1M
run strata convert --target-image-opts -f raw a.raw driver=qcow2,file.filename=g.qcow2
run strata convert -n --target-image-opts -f raw a.raw driver=qcow2,file.filename=g.qcow2
same a.raw raw g.qcow2 qcow2
run strata convert -n --target-image-opts -O qcow2 -f raw a.raw driver=qcow2,file.filename=g.qcow2
run strata convert -n --target-image-opts -f raw a.raw driver=qcow2,file.filename=missing
run strata convert -n --target-image-opts -f raw a.raw g.qcow2
blank h.raw 1M
run strata convert -n --target-image-opts --image-opts driver=qcow2,file.filename=a.qcow2 driver=raw,file.filename=h.raw
run cmp a.raw h.raw
run strata convert -f raw -O raw a.raw 'json:{"driver":"file","filename":"i.raw"}'
run strata convert -n -f raw -O raw a.raw 'json:{"driver":"raw","file":{"driver":"file","filename":"h.raw"}}'
