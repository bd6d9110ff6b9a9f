# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 8M 65
run strata convert -p -f raw -O qcow2 a.raw b.qcow2
run strata convert -p -q -f raw -O qcow2 a.raw b.qcow2
run strata convert -q -p -f raw -O qcow2 a.raw b.qcow2
blank empty.raw 0
run strata convert -p -f raw -O raw empty.raw b.raw
blank z.raw 8M
run strata convert -p -f raw -O raw z.raw b.raw
run strata convert -p -c -f raw -O qcow2 a.raw b.qcow2
run strata convert -p -f raw -O qcow2 missing.raw b.qcow2
