# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow2 -o frob=1 a.qcow2 1M
run strata create -f qcow2 -o frob a.qcow2 1M
run strata create -f qcow2 -o nofrob a.qcow2 1M
run strata create -f qcow2 -o cluster_size a.qcow2 1M
run strata create -f qcow2 -o compat a.qcow2 1M
run strata create -f qcow2 -o '' a.qcow2 1M
run strata create -f qcow2 -o , a.qcow2 1M
run strata create -f qcow2 -o =1 a.qcow2 1M
run strata create -f qcow2 -o Cluster_Size=4k a.qcow2 1M
run strata create -f qcow2 -o 'cluster_size=4k,' a.qcow2 1M
run strata create -f qcow2 -o ',cluster_size=4k' a.qcow2 1M
run strata create -f qcow2 -o 'cluster_size=4k,,compat=v3' a.qcow2 1M
run strata create -f qcow2 -o 'cluster_size = 4k' a.qcow2 1M
run strata create -f qcow2 -o cluster_size=4k,cluster_size=8k a.qcow2 1M
run strata create -f qcow2 -o cluster_size=4k -o compat=v2 a.qcow2 1M
run strata create -f qcow2 -o cluster_size=4k -o cluster_size=8k a.qcow2 1M
run strata create -f qcow2 -o cluster_size=4k, -o compat=v2 a.qcow2 1M
run strata create -f qcow2 -o cluster_size=4k -o ,compat=v2 a.qcow2 1M
