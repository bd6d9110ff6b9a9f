# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# How large a virtual size each cluster size can describe.
run strata create -f qcow2 a.qcow2 2E
run strata create -f qcow2 a.qcow2 2305843009213693952
run strata create -f qcow2 a.qcow2 64P
run strata create -f qcow2 -o cluster_size=512 a.qcow2 128G
run strata create -f qcow2 -o cluster_size=512 a.qcow2 137438953473
run strata create -f qcow2 -o cluster_size=2M a.qcow2 2E
run strata create -f qcow2 -o cluster_size=512 b.qcow2 1T
present b.qcow2
run strata create -f qcow2 -o cluster_size=16k,extended_l2=on a.qcow2 1P
