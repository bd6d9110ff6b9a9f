# beyond the peer: the long names of QEMU 10.2
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
cp a.raw base.raw
run strata convert --source-format raw --target-format qcow2 a.raw b.qcow2
run strata convert --source-format=raw --target-format=qcow2 --target-format-options cluster_size=4k --compress a.raw c.qcow2
same a.raw raw c.qcow2 qcow2
run strata convert --source-format=raw --target-format=raw --sparse-size 0 --target-cache writeback --source-cache none a.raw d.raw
run strata convert --source-format=raw --target-format=raw --no-create --parallel 4 --oob-writes --rate-limit 1G a.raw d.raw
run strata convert --source-format=raw --target-format=raw --copy-range-offloading --quiet a.raw d.raw
run strata convert --source-format=raw --target-format=raw --progress a.raw d.raw
run strata convert --source-format=raw --target-format=qcow2 --backing base.raw --backing-format raw a.raw e.qcow2
run strata convert --source-format=raw --target-format=qcow2 -b base.raw -F raw a.raw e.qcow2
qemu-img snapshot -c one b.qcow2
run strata convert --snapshot one --target-format=raw b.qcow2 f.raw
run strata convert --parallel=99 a.raw f.raw
