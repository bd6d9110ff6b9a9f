# beyond the peer: the last line ends with a line feed
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

strata create -q -f qcow2 base.qcow2 2M
blank base.raw 1M
run strata create -f qcow2 -b base.qcow2 a.qcow2
run strata create -f qcow2 -b base.raw a.qcow2
run strata create -f qcow2 -b base.qcow2 a.qcow2 1M
run strata create -f qcow2 -b base.raw -F qcow2 a.qcow2
run strata create -f qcow2 -b base.raw -F frob a.qcow2
run strata create -f qcow2 -b base.raw -F '' a.qcow2
run strata create -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2
run strata create -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2 1M
run strata create -f qcow2 -b missing.qcow2 a.qcow2 1M
run strata create -f qcow2 -F qcow2 a.qcow2 1M
run strata create -f raw -b base.raw -F raw a.raw
run strata create -f raw -b base.raw a.raw 1M
run strata create -f raw -F raw a.raw 1M
run strata create -f qcow2 -b base.raw -F raw base.raw
run strata create -f qcow2 -b base.qcow2 -F qcow2 base.qcow2
run strata create -f qcow2 -b . -F raw a.qcow2
present a.qcow2
note '-b and -F win over -o'
run strata create -f qcow2 -b base.raw -F raw -o backing_file=other a.qcow2
run strata create -f qcow2 -b base.raw -F raw -o backing_fmt=qcow2 a.qcow2
