# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
qemu-img create -q -f qcow2 a.qcow2 1M
run strata bench -c 1000 a.raw
run strata bench -f raw -c 0 a.raw
run strata bench -f raw -c 100 -d 1 -o 4k a.raw
run strata bench -f raw -c 100 -s 100 a.raw
run strata bench -f raw -c 100 -S 64k a.raw
run strata bench -f raw -c 100 -S 0 a.raw
run strata bench -f raw -c 500 -s 1000 -S 3000 a.raw
run strata bench -f raw -c 3 -S 2M a.raw
run strata bench -f raw -c 100 -t none -i threads a.raw
run strata bench -f raw -c 100 -U --no-drain a.raw
run strata bench --image-opts -c 5 driver=raw,file.filename=a.raw
run strata bench -f raw -c 256 -w --pattern 65 a.raw
pattern b.raw 0 1M 65
same a.raw raw b.raw raw
run strata bench -f qcow2 -c 256 -w --pattern 0x41 --flush-interval 64 a.qcow2
run strata bench -f qcow2 -c 256 -d 8 -w --pattern 0x41 --flush-interval 8 --no-drain a.qcow2
same a.qcow2 qcow2 b.raw raw
run qemu-img check -q a.qcow2
note "past the end"
run strata bench -f raw -c 10 -s 2M a.raw
run strata bench -f raw -c 10 -o 2M a.raw
run strata bench -f raw -c 1 -o 1M a.raw
run strata bench -f raw -c 1 -o 1048575 a.raw
run strata bench -f raw -c 260 -S 4096 -s 8192 a.raw
