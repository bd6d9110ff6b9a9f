# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The name that is shown opens the same bytes, with the format that is shown.
blank a.raw 8M
noise a.raw 0 65536
noise a.raw 3M 131072
qemu-img convert -O qcow2 a.raw a.qcow2
qemu-img convert -O vmdk -o subformat=monolithicFlat a.raw a.vmdk
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 over.qcow2
name() {
  run strata info "$1"
  local shown
  shown=$(strata info --output=json "$1" | sed -n 's/^    "filename": "\(.*\)",\{0,1\}$/\1/p' | sed 's/\\"/"/g')
  local format
  format=$(strata info --output=json "$1" | sed -n 's/^    "format": "\(.*\)",\{0,1\}$/\1/p')
  [[ $shown == json:* ]] && run strata compare "$1" "$shown" || run strata compare -F "$format" "$1" "$shown"
}
raw='"driver":"file","filename":"a.raw"'
qcow2='"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}'
name 'json:{"driver":"raw","offset":"1M","file":{"driver":"raw","offset":"2M","size":"2M","file":{'$raw'}}}'
name 'json:{"driver":"raw","file":{"driver":"raw","file":{'$raw'}}}'
name 'json:{"driver":"raw","file":{"driver":"raw","offset":"1M","file":{'$raw'}}}'
name 'json:{"file":{"driver":"raw","offset":1048576,"file":{'$raw'}}}'
name 'json:{"driver":"raw","offset":512e1,"file":{'$raw'}}'
name 'json:{"driver":"raw","file":{'$qcow2'}}'
name 'json:{"file":{'$qcow2'}}'
name 'json:{"driver":"raw","offset":"1M","file":{'$qcow2'}}'
name 'json:{"driver":"qcow2","file":{"driver":"raw","offset":0,"file":{"driver":"file","filename":"a.qcow2"}}}'
name 'json:{"driver":"raw","file":{"driver":"vmdk","file":{"driver":"file","filename":"a.vmdk"}}}'
name 'json:{"driver":"raw","file":{"driver":"qcow2","file":{"driver":"file","filename":"over.qcow2"}}}'
name 'json:{"driver":"raw","file":{"driver":"qcow2","file":{"driver":"file","filename":"over.qcow2"},"backing":null}}'
name 'json:{"driver":"raw","file":{"driver":"qcow2","file":{"driver":"file","filename":"over.qcow2"},"backing":{"driver":"raw","offset":"1M","file":{'$raw'}}}}'
name 'json:{"driver":"raw","file":{"driver":"qcow2","l2-cache-size":65536,"file":{"driver":"file","filename":"a.qcow2","locking":"off"}}}'
name 'json:{"driver":"qcow2","lazy-refcounts":true,"file":{"driver":"file","filename":"a.qcow2"}}'
