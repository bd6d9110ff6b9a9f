# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f raw -o help
run strata create -f qcow2 -o help
run strata create -f qcow2 -o '?'
run strata create -o help
run strata create -f frob -o help
run strata create -f raw -o help a.raw
run strata create -f qcow2 -o help a.qcow2 1M
run strata create -f qcow2 -o compat=v2,help a.qcow2 1M
run strata create -f qcow2 -o compat=v2 -o help
present a.raw a.qcow2
