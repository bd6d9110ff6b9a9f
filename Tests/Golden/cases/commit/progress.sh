# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
run strata commit -p -d top
run strata commit -p -q -d top
run strata commit -p top
run strata commit -p missing
qemu-img create -q -f qcow2 alone 1M
run strata commit -p alone
run strata commit -p -q alone
run strata commit -p -b nobody top
