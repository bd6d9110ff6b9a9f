# beyond the peer: no encryption yet
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata measure -O luks --size 1G
