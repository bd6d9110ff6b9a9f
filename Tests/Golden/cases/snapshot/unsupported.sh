# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata snapshot -l a.raw
run strata snapshot -c x a.raw
run strata snapshot --image-opts -a x driver=raw,file.filename=a.raw
run strata snapshot -d x a.raw
qemu-img create -q -f qcow2 -u -b missing.qcow2 -F qcow2 b.qcow2 1M
run strata snapshot -l b.qcow2
run strata snapshot -c x b.qcow2
qemu-img create -q -f qcow2 -o data_file=d.raw d.qcow2 1M
run strata snapshot -l d.qcow2
run strata snapshot -c x d.qcow2
run strata snapshot -a x d.qcow2
run strata snapshot -d x d.qcow2
qemu-img create -q -f qcow2 c.qcow2 1M
chmod 444 c.qcow2
run without_override strata snapshot -c x c.qcow2
run without_override strata snapshot -l c.qcow2
