# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for option in cluster_size=64k nocow=on nocow=off nocow=maybe extent_size_hint=0 \
  extent_size_hint=junk compat=1.1 backing_file=base.raw size=junk frob=1 frob = =1 'size=1M,,' ',size=1M' 'size=1M,'; do
  run strata create -f raw -o "$option" a.raw 1M
done
