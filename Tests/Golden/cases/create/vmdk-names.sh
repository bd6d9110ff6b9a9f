# beyond the peer: it makes images that it cannot open
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'a file whose name looks like an export of a server is a file'
for name in ./co:lon.vmdk ./nbd:localhost:1:exportname=x.vmdk; do
  for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse; do
    run strata create -q -f vmdk -o subformat=$subformat $name 1M
    run strata check -q $name
    run strata resize -q $name 3G
    run strata check -q $name
    ls
    rm -f ./*
  done
done
note 'names that a descriptor cannot hold'
for name in $'new\nline.vmdk' $'return\r.vmdk' 'a"b.vmdk'; do
  run strata create -q -f vmdk "$name" 1M
  run strata create -q -f vmdk -o subformat=monolithicFlat "$name" 1M
done
ls
note 'tables that would not fit memory'
run strata create -q -f vmdk -o subformat=streamOptimized huge.vmdk 1E
run strata create -q -f vmdk -o subformat=streamOptimized huge.vmdk 7E
run strata create -q -f vmdk -o subformat=streamOptimized large.vmdk 100T
run strata check -q large.vmdk
ls
