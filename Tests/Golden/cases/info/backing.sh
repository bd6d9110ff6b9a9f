# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
qemu-img create -q -f qcow2 -b base.raw -F raw mid.qcow2 2M
qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2
run strata info top.qcow2
run strata info --output=json top.qcow2
run strata info --backing-chain top.qcow2
run strata info --backing-chain --output=json top.qcow2
run strata info --backing-chain base.raw
run strata info --backing-chain --output=json base.raw
note 'from another folder'
mkdir sub
cd sub
run strata info ../top.qcow2
run strata info --output=json ../mid.qcow2
run strata info --backing-chain ../top.qcow2
run strata info "$PWD/../mid.qcow2"
