# beyond the peer: options of newer releases
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata measure --format raw --target-format qcow2 --options cluster_size=2M -U a.raw
run strata measure -s 1M
