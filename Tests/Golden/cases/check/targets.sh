# beyond the peer: it has no such check
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f vpc -o target=azure a.vhd 30000000
run strata check --target=azure a.vhd
qemu-img create -q -f vpc -o subformat=fixed b.vhd 30M
run strata check --target=azure b.vhd
qemu-img create -q -f vpc -o force_size=on c.vhd 10M
run strata check --target=azure c.vhd
run strata check --target=azure --output=json c.vhd
run strata check c.vhd
run strata check --target=moon c.vhd
qemu-img create -q -f qcow2 d.qcow2 10M
run strata check --target=azure d.qcow2
run strata create -f raw -o target=gcp disk.raw 1500M
run strata check --target gcp disk.raw
run strata check --target gcp --output=json -f raw disk.raw
truncate -s 700M short.raw
run strata check --target gcp -f raw short.raw
run strata check --target aws -f raw short.raw
run strata create -f raw -o target=azure e.raw 1G
run strata create -f vdi -o target=virtualbox e.vdi 1000000
run strata check --target virtualbox e.vdi
run strata create -f vdi -o target=moon f.vdi 1000000
run strata create -f qcow2 -o target=aws f.qcow2 1000000
run strata create -q -f vpc g.vhd 30M
run strata create -q -f vpc -b g.vhd -F vpc h.vhd
run strata check --target aws g.vhd
run strata check --target aws h.vhd
run strata convert -O vhdx -o target=aws g.vhd g.vhdx
run strata check --target aws g.vhdx
run strata measure -O vpc -o target=azure --size 1M
run strata check -r all --target gcp -f raw disk.raw
for target in esxi vsphere virtualbox aws gcp; do
  run strata convert -O vmdk -o target=$target g.vhd $target.vmdk
  run strata check --target $target $target.vmdk
done
qemu-img convert -O vmdk -o subformat=streamOptimized g.vhd stream.vmdk
run strata check --target vsphere stream.vmdk
cp vsphere.vmdk longer.vmdk
truncate -s +512 longer.vmdk
run strata check --target vsphere longer.vmdk
run strata check --target vsphere virtualbox.vmdk
run strata check --target esxi virtualbox.vmdk
run strata create -f vmdk -o target=aws,subformat=monolithicFlat x.vmdk 1G
