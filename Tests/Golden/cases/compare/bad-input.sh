# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
mkdir folder
run strata compare missing.raw a.raw
run strata compare a.raw missing.raw
run strata compare missing.raw missing.raw
run strata compare -f qcow2 a.raw a.raw
run strata compare -f raw -F qcow2 a.raw a.raw
run strata compare folder a.raw
run strata compare -q missing.raw a.raw
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
bytes a.qcow2 262144 8000000000050200
run strata compare -f raw -F qcow2 a.raw a.qcow2
run strata compare -f qcow2 -F raw a.qcow2 a.raw
