# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for mode in off falloc full metadata none '' OFF; do
  run strata create -f raw -o "preallocation=$mode" a.raw 1M
done
run strata create -f raw -o preallocation=full,size=64k b.raw
run cmp -n 65536 b.raw /dev/zero
