# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow2 -o extended_l2=on a.qcow2 1M
run strata info a.qcow2
run strata create -f qcow2 -o extended_l2=on,cluster_size=128k a.qcow2 1M
for size in 512 4k 8k 16k 2M; do
  run strata create -f qcow2 -o "extended_l2=on,cluster_size=$size" b.qcow2 1M
done
run strata create -f qcow2 -o extended_l2=on,preallocation=metadata c.qcow2 1M
run strata create -f qcow2 -o extended_l2=maybe c.qcow2 1M
blank base.raw 1M
run strata create -f qcow2 -o extended_l2=on,preallocation=metadata -b base.raw -F raw d.qcow2
run strata create -f qcow2 -o preallocation=full -b base.raw -F raw d.qcow2
run strata info --output=json c.qcow2
