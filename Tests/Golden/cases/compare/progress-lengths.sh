# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# The warning of other lengths comes before the rest is looked at.
qemu-img create -q -f raw short 1M
qemu-img create -q -f raw long 3M
dd if=/dev/urandom of=random bs=1M count=3 status=none
head -c 1M random >start
run strata compare -p -f raw -F raw short long
run strata compare -p -f raw -F raw long short
run strata compare -f raw -F raw start random
run strata compare -q -p -f raw -F raw short long
