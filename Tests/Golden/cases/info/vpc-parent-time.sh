# beyond the peer: it knows no parents
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -q -f vpc base.vpc 4M
run strata create -q -f vpc -b base.vpc -F vpc child.vpc
run strata convert -O raw child.vpc child.raw
note "another time stamp, with a checksum that a repair makes right"
bytes child.vpc 568 00 00 00 07
run strata check -r all child.vpc
run strata convert -O raw child.vpc child.raw
note "when the parent was last written to is as good as the time stamp of its footer"
touch -d '2000-01-01 00:00:08 UTC' base.vpc
run strata convert -O raw child.vpc child.raw
note "and 0 says nothing"
bytes child.vpc 568 00 00 00 00
run strata check -r all child.vpc
run strata convert -O raw child.vpc child.raw
