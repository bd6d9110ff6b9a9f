# beyond the peer: the long names of QEMU 10.2
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata compare --a-format raw --b-format=qcow2 a.raw a.qcow2
run strata compare --strict --a-format=raw --b-format qcow2 a.raw a.qcow2
run strata compare --quiet --a-format=raw --b-format qcow2 a.raw a.qcow2
run strata compare --progress --a-format=raw --b-format qcow2 a.raw a.qcow2
