# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
blank a.raw 1M
run strata amend
run strata amend a.qcow2
run strata amend -o help
run strata amend -o help -f raw
run strata amend -o help -f frob
run strata amend -o help -f qcow2
run strata amend -p -o help -f qcow2
run strata amend -o size=4M -o help a.qcow2
run strata amend -o help missing
run strata amend -o help a.raw
run strata amend -f raw -o help a.qcow2
run strata amend -o frob=1 a.qcow2
run strata amend -p -o frob=1 a.qcow2
run strata amend -o size=2M a.raw
run strata amend -f raw -o frob=1 a.raw
run strata amend -o size=2M missing
run strata amend -o '' a.qcow2
run strata amend -o , a.qcow2
run strata amend a.qcow2 b.qcow2 -o size=2M
run strata amend -o size=2M
run strata amend -t frob -o size=1M a.qcow2
run strata amend -o size=1M -f frob a.qcow2
run strata amend --image-opts -f qcow2 -o size=1M x
run strata amend -U -o size=1M a.qcow2
run strata amend --object secret,id=s -o size=1M a.qcow2
run strata amend --force -t none -o size=6M a.qcow2
run strata amend --image-opts -o size=7M driver=qcow2,file.filename=a.qcow2
run strata amend -q -o size=8M,size=9M a.qcow2
run strata amend -p -o size=10M a.qcow2
run strata info a.qcow2
