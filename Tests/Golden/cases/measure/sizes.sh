# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 0 1 1000 1M 64k 512M 513M 10G 1T 10T 64T 100P 7E; do
  run strata measure --size $size
  run strata measure -O qcow2 --size $size
done
run strata measure --size 10G --output=json
run strata measure --size 10G -O qcow2 --output json
