# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
strata create -q -f qcow2 base.qcow2 2M
run strata create -f qcow2 -F raw -b file:base.raw a.qcow2
run strata info a.qcow2
cp base.raw 'with,comma'
run strata create -f qcow2 -F raw -b 'with,comma' a.qcow2
run strata create -f qcow2 -F raw -o 'backing_file=with,,comma' a.qcow2
run strata create -f qcow2 -F raw -o 'backing_file=with,comma' a.qcow2
run strata info a.qcow2
cp base.raw 'with space'
run strata create -f qcow2 -F raw -b 'with space' a.qcow2
