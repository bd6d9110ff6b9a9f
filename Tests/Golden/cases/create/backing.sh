# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

strata create -q -f qcow2 base.qcow2 2M
blank base.raw 1M
run strata create -f qcow2 -b base.qcow2 -F qcow2 a.qcow2
run strata info a.qcow2
run strata create -f qcow2 -b base.qcow2 -F qcow2 a.qcow2 4M
run strata create -f qcow2 -b base.qcow2 -F qcow2 a.qcow2 1M
run strata create -f qcow2 -o backing_file=base.qcow2,backing_fmt=qcow2 a.qcow2
run strata create -f qcow2 -o backing_file=base.raw,backing_fmt=raw,cluster_size=4k a.qcow2
run strata info a.qcow2
run strata create -f qcow2 -b "$PWD/base.raw" -F raw a.qcow2
run strata info a.qcow2
run strata create -f qcow2 -b ./base.raw -F raw a.qcow2
mkdir sub
run strata create -f qcow2 -b ../base.raw -F raw sub/a.qcow2
run strata info sub/a.qcow2
run strata create -f qcow2 -b base.raw -F raw sub/a.qcow2
run strata create -q -f qcow2 -b base.raw -F raw -o compat=0.10 a.qcow2
run strata info a.qcow2
note 'an empty name is no backing file'
run strata create -f qcow2 -b '' a.qcow2 1M
run strata create -f qcow2 -o backing_file= a.qcow2 1M
run strata create -f qcow2 -b '' a.qcow2
