# beyond the peer: it makes no children
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -q -f vhdx -o logical_sector_size=4096 base.vhdx 8M
run strata create -q -f vhdx -b base.vhdx -F vhdx child.vhdx
run strata map child.vhdx
run strata create -q -f vhdx -b base.vhdx -F vhdx short.vhdx 4097K
run strata create -q -f vhdx -o logical_sector_size=512 -b base.vhdx -F vhdx other.vhdx
run strata create -q -f vhdx small.vhdx 8M
run strata create -q -f vhdx -b small.vhdx -F vhdx child.vhdx
run strata rebase -b base.vhdx -F vhdx child.vhdx
note "the parent's sectors are others than they were"
bytes small.vhdx 3211296 00 10 00 00
run strata info child.vhdx
run strata convert -O raw child.vhdx child.raw
