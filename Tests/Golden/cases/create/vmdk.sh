# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Of a range's being compressed only newer releases tell.
without_flag() { "$@" | sed -E 's/, "compressed": (true|false)//'; }
# Content identifiers are drawn by lot.
without_ids() { "$@" | sed -E 's/("?(parent[ -])?cid"?): [0-9]+/\1: N/'; }
blank base.raw 2M
for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat; do
  run strata create -f vmdk -o subformat=$subformat $subformat.vmdk 5G
  run without_ids strata info $subformat.vmdk
  run without_ids strata info --output=json $subformat.vmdk
  run without_flag strata map --output=json $subformat.vmdk
done
run strata create -f vmdk -b monolithicSparse.vmdk -F vmdk d.vmdk
run without_ids strata info --backing-chain d.vmdk
run strata create -f vmdk -b twoGbMaxExtentSparse.vmdk -F vmdk e.vmdk 6G
run without_flag strata map --output=json e.vmdk
run strata create -f vmdk -b base.raw -F raw f.vmdk
run strata create -f vmdk -b missing.vmdk -F vmdk f.vmdk
for option in adapter_type=lsilogic adapter_type=buslogic adapter_type=legacyESX adapter_type=scsi compat6=on hwversion=11 \
  compat6=on,hwversion=11 toolsversion=10 zeroed_grain=on subformat=streamOptimized,zeroed_grain=on subformat=flat subformat=monolithicFlat,zeroed_grain=on \
  preallocation=falloc preallocation=metadata cluster_size=4k; do
  run strata create -q -f vmdk -o $option g.vmdk 1M
  if [[ -e g.vmdk ]]; then grep -a -o '^ddb.*' g.vmdk; fi
  rm -f g.vmdk
done
run strata create -q -f vmdk -o subformat=monolithicFlat,backing_file=d.vmdk,backing_fmt=vmdk g.vmdk 1M
run strata create -f vmdk h.vmdk 1000
run strata create -f vmdk i.vmdk
