# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# needs: bximage

blank disk 10M
noise disk 0 100000
pattern disk 5000000 3000 7
bximage -q -func=convert -imgmode=growing disk a.bochs </dev/null >/dev/null 2>&1
run strata info a.bochs
run strata info --output=json a.bochs
run strata info -f bochs a.bochs
run strata info --image-opts driver=bochs,file.filename=a.bochs,frob=1
run strata compare a.bochs disk
run strata convert -f bochs -O raw a.bochs out.raw
run cmp disk out.raw
run strata measure -O qcow2 disk
run strata snapshot -l a.bochs

note 'nothing changes it'
run strata resize a.bochs 20M
run strata snapshot -c x a.bochs
run strata bitmap --add a.bochs b
run strata rebase -u -b '' a.bochs
run strata amend -f bochs -o x=1 a.bochs
run strata amend -f bochs -o help
run strata convert -n -f raw -O bochs disk a.bochs
run strata bench -w -c 1 a.bochs
qemu-img create -q -f qcow2 -b a.bochs -F bochs top.qcow2
run strata rebase -f qcow2 -u -b a.bochs -F bochs top.qcow2
run strata commit top.qcow2

note 'and nothing makes one'
run strata create -f bochs new 1M
run strata create -f bochs -o help
run strata convert -O bochs disk new
run strata dd -O bochs if=disk of=new
run strata measure -O bochs disk
present new

note 'other versions and kinds'
bytes a.bochs 66 03
run strata info -f bochs a.bochs
