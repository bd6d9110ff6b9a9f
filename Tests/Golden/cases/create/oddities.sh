# beyond the peer: numbers are shown as they are, and the wrong word is the one that is named
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# What the peer does where one may well want to do something else.
run strata create -f raw -o size=8E a.raw
run strata create -f qcow2 -o size=8E a.qcow2
run strata create -f qcow2 -o data_file=e.qcow2 e.qcow2 1M
run strata create -f raw b.raw 9223372036854775807
run strata create -f raw b.raw -1
run strata create -f raw b.raw -1M
run strata create -f file c.raw 1M
