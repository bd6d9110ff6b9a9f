# beyond the peer: the refusal says why
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

long=$(printf '%01024d' 0)
run strata create -u -f qcow2 -F raw -b "$long" d.qcow2 1M | sed -E 's/0{1024}/0{1024}/g'
run strata create -u -f qcow2 -F raw -b "${long#0}" d.qcow2 1M | sed -E 's/0{1023}/0{1023}/g'
run strata info d.qcow2 | sed -E 's/0{1023}/0{1023}/g'
