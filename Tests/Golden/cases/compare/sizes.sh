# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
cp a.raw longer.raw
blank longer.raw 2M
run strata compare -f raw -F raw a.raw longer.raw
run strata compare -f raw -F raw longer.raw a.raw
run strata compare -q -f raw -F raw longer.raw a.raw
run strata compare -s -f raw -F raw a.raw longer.raw
run strata compare -s -q -f raw -F raw a.raw longer.raw
note 'the longer one has data at the end'
pattern longer.raw 1500000 1 66
run strata compare -f raw -F raw a.raw longer.raw
run strata compare -f raw -F raw longer.raw a.raw
note 'a difference before the end, too'
pattern longer.raw 1000 1 66
run strata compare -f raw -F raw a.raw longer.raw
run strata compare -s -f raw -F raw a.raw longer.raw
blank empty.raw 0
blank zero.raw 64k
run strata compare -f raw -F raw empty.raw zero.raw
run strata compare -f raw -F raw empty.raw a.raw
