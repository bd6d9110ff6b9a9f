# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
blank a.raw 1M
run strata bitmap
run strata bitmap a.qcow2
run strata bitmap a.qcow2 one
run strata bitmap --add
run strata bitmap --add a.qcow2
run strata bitmap --add a.qcow2 one two
run strata bitmap --frob --add a.qcow2 one
run strata bitmap -U --add a.qcow2 one
run strata bitmap --merge
run strata bitmap --clear -g 64k
run strata bitmap --clear -g 64k -F raw a.qcow2 one
run strata bitmap --add -F raw
run strata bitmap --add -b x -F raw -g 0
run strata bitmap --clear -b x -F raw a.qcow2 one
run strata bitmap -g 64k a.qcow2 one
run strata bitmap --image-opts -f qcow2 --add a.qcow2
run strata bitmap --image-opts -f qcow2 --add a.qcow2 one
run strata bitmap --add -g 8x a.qcow2 one
run strata bitmap --add -g -1 a.qcow2 one
run strata bitmap --add -g 8E a.qcow2 one
run strata bitmap --add -g 100 a.qcow2 one
run strata bitmap --add -g 256 a.qcow2 one
run strata bitmap --add -g 1.5k a.qcow2 one
run strata bitmap --add -g 4G a.qcow2 one
run strata bitmap --object frob,id=a --add a.qcow2 one
run strata bitmap --add missing one
run strata bitmap --add -f frob a.qcow2 one
run strata bitmap --add a.qcow2 ''
run strata bitmap --add a.qcow2 "$(printf 'long%.0s' {1..256})"
run strata bitmap --add -g 3k -g 4k --object secret,id=s,data=x a.qcow2 one
run strata bitmap --gran 2G --add --image-opts driver=qcow2,file.filename=a.qcow2 two
run strata bitmap --merge one -b missing a.qcow2 two
run strata bitmap --merge one -b a.raw -F frob a.qcow2 two
run strata bitmap --merge one -b a.qcow2 a.qcow2 two
run strata info a.qcow2
