# beyond the peer: a failed creation leaves no new file (C-01); the peer leaves some
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f raw -o preallocation=metadata a.raw 1M
run strata create -f raw -o preallocation=frob a.raw 1M
run strata create -f raw a.raw 9223372036854775807
present a.raw
run strata create -f qcow2 -o size=8E a.qcow2
run strata create -f qcow2 -F qcow2 a.qcow2 1M
run strata create -f qcow2 -o data_file=nowhere/a.data a.qcow2 1M
run strata create -f qcow2 -o preallocation=frob a.qcow2 1M
run strata create -f qcow2 a.qcow2 4P
run strata create -u -f qcow2 -b missing.qcow2 -F frob a.qcow2 1M
present a.qcow2
