# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata snapshot
run strata snapshot -l
run strata snapshot a.qcow2
run strata snapshot -l a.qcow2
run strata snapshot -l a.qcow2 b.qcow2
run strata snapshot -d x x a.qcow2
run strata snapshot -c x -l a.qcow2
run strata snapshot -l -a one a.qcow2
run strata snapshot -d one -d 1 a.qcow2
run strata snapshot -l -l a.qcow2
run strata snapshot -c
run strata snapshot -p -l a.qcow2
run strata snapshot --frob a.qcow2
run strata snapshot -U -c x a.qcow2
run strata snapshot -l missing
run strata snapshot -c x missing
run strata snapshot --object frob,id=a -l a.qcow2
run strata snapshot --image-opts -c x driver=qcow2,file.filename=a.qcow2
run strata snapshot --image-opts -l driver=qcow2,file.filename=a.qcow2
run strata snapshot -U -q -l a.qcow2
run strata snapshot x.qcow2
