# beyond the peer: newer releases accept -q everywhere
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata map
run strata map a.raw a.raw
run strata map missing.qcow2
run strata map -f frob a.raw
run strata map --output=xml a.raw
run strata map --start-offset=junk a.raw
run strata map --start-offset= a.raw
run strata map --start-offset=-1 a.raw
run strata map --max-length=junk a.raw
run strata map --max-length=-1 a.raw
run strata map --max-length=8E a.raw
run strata map --start-offset=16E a.raw
run strata map --start-offset a.raw
run strata map --frob a.raw
run strata map -q a.raw
run strata map --image-opts driver=raw,file.filename=a.raw
run strata map --image-opts -f raw driver=raw,file.filename=a.raw
