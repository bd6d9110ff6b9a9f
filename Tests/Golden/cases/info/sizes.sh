# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# How a size is rounded for people.
for size in 0 512 1023 1024 1536 10240 102400 524288 1000000 1048064 1048576 1049088 1572864 10485760 104857600 \
  536870912 1073741312 1073741824 1610612736 1073741824000 1099511627776 1125899906842624 1152921504606846976; do
  qemu-img create -q -f qcow2 -o cluster_size=2M a.qcow2 "$size"
  strata info a.qcow2 | grep '^virtual size'
done
