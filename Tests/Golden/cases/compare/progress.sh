# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 8M 65
cp a.raw b.raw
run strata compare -p -f raw -F raw a.raw b.raw
run strata compare -p -q -f raw -F raw a.raw b.raw
blank empty.raw 0
run strata compare -p -f raw -F raw empty.raw empty.raw
note 'a difference in the first piece'
pattern b.raw 0 1 66
run strata compare -p -f raw -F raw a.raw b.raw
run strata compare -q -p -f raw -F raw a.raw b.raw
