# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
mkdir folder
run strata convert -f raw -O raw missing.raw b.raw
run strata convert -f raw -O qcow2 a.raw nowhere/b.qcow2
run strata convert -f raw -O raw a.raw nowhere/b.raw
run strata convert -f raw -O raw a.raw folder
run strata convert -f raw -O qcow2 a.raw folder
run strata convert -f raw -O raw folder b.raw
run strata convert -f raw -O raw a.raw ''
run strata convert -f raw -O raw '' b.raw
run strata convert -f raw -O raw a.raw frob:b.raw
run strata convert -f qcow2 -O raw a.raw b.raw
run strata convert -f frob -O raw a.raw b.raw
run strata convert -f raw -O frob a.raw b.raw
run strata convert -f raw -O '' a.raw b.raw
run strata convert -f '' -O raw a.raw b.raw
run strata convert -f raw -O raw a.raw file:c.raw
run cmp a.raw c.raw
present b.raw
