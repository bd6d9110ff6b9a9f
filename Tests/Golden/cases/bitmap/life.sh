# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 10M
run strata bitmap --add a.qcow2 one
run strata bitmap --add a.qcow2 one
run strata bitmap --add --disable -g 4k a.qcow2 two
run strata bitmap --add --remove a.qcow2 three
run strata bitmap --add -g 512 a.qcow2 "$(printf 'long%.0s' {1..255})"
run strata info a.qcow2
run strata check -q a.qcow2
run strata bitmap --disable --clear a.qcow2 one
run strata bitmap --enable --enable a.qcow2 two
run strata info a.qcow2
for action in add remove clear enable disable; do run strata bitmap --$action a.qcow2 ''; done
for action in remove clear enable disable; do run strata bitmap --$action a.qcow2 nobody; done
run strata bitmap --remove --add --clear a.qcow2 one
run strata bitmap --remove a.qcow2 "$(printf 'long%.0s' {1..255})"
run strata bitmap --remove --remove a.qcow2 two
run strata info a.qcow2
run strata bitmap --remove a.qcow2 one
run strata info a.qcow2
run strata check -q a.qcow2
run qemu-img check -q a.qcow2
