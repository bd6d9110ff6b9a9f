# beyond the peer: a field "compressed", as newer releases have
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
note 'subclusters without data in a cluster that has a place, over a backing file that ends earlier'
blank short.raw 1M
pattern short.raw 0 1M 7
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=64k -b short.raw -F raw top 4M
qemu-io -f qcow2 -c 'write -P 2 960k 2k' -c 'write -P 3 1024k 2k' -c 'write -z 1040k 4k' \
  -c 'write -P 3 2M 6k' -c 'write -P 3 4092k 2k' top >/dev/null
run strata map --output=json -f qcow2 top
run strata map -f qcow2 top
note 'the same one layer down'
qemu-img create -q -f qcow2 -b top -F qcow2 above 5M
run strata map --output=json -f qcow2 above
