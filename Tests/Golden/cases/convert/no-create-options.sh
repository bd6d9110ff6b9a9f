# beyond the peer: compressed clusters may replace others
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
qemu-img create -q -f qcow2 b.qcow2 64k
run strata convert -n -o cluster_size=4k -f raw -O qcow2 a.raw b.qcow2
run strata convert -n -o frob=1 -f raw -O qcow2 a.raw b.qcow2
run strata convert -n -o help -f raw -O qcow2 a.raw b.qcow2
run strata convert -n -B a.raw -F raw -f raw -O qcow2 a.raw b.qcow2
run strata convert --target-is-zero -f raw -O qcow2 a.raw b.qcow2
run strata convert -n --target-is-zero -f raw -O qcow2 a.raw b.qcow2
same a.raw raw b.qcow2 qcow2
run strata convert -n -c -f raw -O qcow2 a.raw b.qcow2
qemu-img create -q -f qcow2 c.qcow2 64k
run strata convert -n -c -f raw -O qcow2 a.raw c.qcow2
same a.raw raw c.qcow2 qcow2
