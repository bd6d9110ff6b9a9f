# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for value in on off yes no true false y n 1 0 '' maybe ON; do
  run strata create -f qcow2 -o "lazy_refcounts=$value" a.qcow2 1M
done
run strata create -f qcow2 -o lazy_refcounts a.qcow2 1M
run strata create -f qcow2 -o nolazy_refcounts a.qcow2 1M
run strata info a.qcow2
