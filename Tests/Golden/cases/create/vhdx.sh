# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f vhdx a.vhdx 10M
run strata info a.vhdx
run strata info --output=json a.vhdx
for size in 1G 1073742336 100G 101G 32T 33T 64T; do
  run strata create -q -f vhdx b.vhdx "$size"
  run strata info b.vhdx
done
run strata create -f vhdx -o block_size=1M c.vhdx 10M
run strata info c.vhdx
run strata create -f vhdx -o block_size=512 c.vhdx 10M
run strata info c.vhdx
run strata create -f vhdx -o block_size=1G c.vhdx 10M
run strata info c.vhdx
run strata create -f vhdx -o log_size=3000000,block_size=2M,subformat=fixed d.vhdx 10M
run strata info d.vhdx
run strata create -f vhdx -o subformat=dynamic,block_state_zero=off e.vhdx 10000
run strata info e.vhdx
run strata create -f vhdx f.vhdx 0
run strata info f.vhdx
run strata create -f vhdx g.vhdx 65T
run strata create -f vhdx -o block_size=3M g.vhdx 1M
run strata create -f vhdx -o log_size=0 g.vhdx 1M
run strata create -f vhdx -o log_size=4G g.vhdx 1M
run strata create -f vhdx -o subformat=thin g.vhdx 1M
run strata create -f vhdx -o static=on g.vhdx 1M
run strata create -f vhdx g.vhdx
