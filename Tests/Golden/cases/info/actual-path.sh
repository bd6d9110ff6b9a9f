# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Where a backing file's name leads is told wherever that is not the name itself.
over() { qemu-img create -q -u -f qcow2 -F qcow2 -b "$2" "$1" 1M; }
paths() {
  run strata info "$1"
  run strata info --output=json "$1"
}
mkdir sub
over top base
over sub/top base
over ./image:top base
over sub/image:top base
for name in top ./top ././top file:top sub/top ./sub/top sub//top sub/../top file:sub/top ./image:top file:image:top \
  sub/image:top; do
  paths "$name"
done
over sub/up ../base
over sub/dot ./base
over sub/slashes .//base
over sub/absolute /nowhere/base
over sub/colon ./a:b
over sub/prefix file:base
over sub/remote nbd://localhost:1/x
over sub/options 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base"}}'
for name in up dot slashes absolute colon prefix remote options; do paths "sub/$name"; done
paths 'json:{"driver":"qcow2","file":{"driver":"file","filename":"sub/top"}}'
paths 'json:{"driver":"qcow2","file":{"driver":"file","filename":"./image:top"}}'
paths 'json:{"driver":"qcow2","lazy-refcounts":true,"file":{"driver":"file","filename":"sub/top"}}'
run strata info --image-opts driver=qcow2,file.filename=sub/top
