# beyond the peer: it has no such check
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f vpc -o target=azure a.vhd 30000000
run strata check --profile=azure a.vhd
qemu-img create -q -f vpc -o subformat=fixed b.vhd 30M
run strata check --profile=azure b.vhd
qemu-img create -q -f vpc -o force_size=on c.vhd 10M
run strata check --profile=azure c.vhd
run strata check --profile=azure --output=json c.vhd
run strata check c.vhd
run strata check --profile=moon c.vhd
qemu-img create -q -f qcow2 d.qcow2 10M
run strata check --profile=azure d.qcow2
