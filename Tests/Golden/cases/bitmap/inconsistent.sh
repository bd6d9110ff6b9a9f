# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A bitmap that was not saved: its first flag is set.
qemu-img create -q -f qcow2 a.qcow2 10M
for name in one two good; do qemu-img bitmap --add a.qcow2 $name; done
directory=$(number a.qcow2 528 8)
bytes a.qcow2 $((directory + 15)) 03
bytes a.qcow2 $((directory + 47)) 01
run strata info a.qcow2
run strata check a.qcow2
for action in clear enable disable add; do run strata bitmap --$action a.qcow2 one; done
run strata bitmap --merge good a.qcow2 one
run strata bitmap --merge one a.qcow2 good
run strata bitmap --merge nobody a.qcow2 one
run strata bitmap --add --merge two a.qcow2 three
run strata resize a.qcow2 +1M
run strata measure -O qcow2 a.qcow2
run strata convert --bitmaps -O qcow2 a.qcow2 b.qcow2
present b.qcow2
run strata convert -q --bitmaps --skip-broken-bitmaps -O qcow2 a.qcow2 b.qcow2
run strata info b.qcow2
run strata bitmap --remove a.qcow2 one
run strata bitmap --remove --add a.qcow2 two
run strata info a.qcow2
run qemu-img check -q a.qcow2
