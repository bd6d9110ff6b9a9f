# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata map -s 64k -l 128k a.qcow2
run strata map --format qcow2 --start-offset 64k --max-length 128k a.qcow2
