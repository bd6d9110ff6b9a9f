# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
run strata compare
run strata compare a.raw
run strata compare a.raw a.raw a.raw
run strata compare -f frob a.raw a.raw
run strata compare -F frob a.raw a.raw
run strata compare -T frob a.raw a.raw
run strata compare -T '' a.raw a.raw
for mode in none writeback writethrough directsync unsafe off; do
  run strata compare -f raw -F raw -T "$mode" a.raw a.raw
done
run strata compare -f
run strata compare --frob a.raw a.raw
run strata compare -U -f raw -F raw a.raw a.raw
run strata compare --force-share -f raw -F raw a.raw a.raw
run strata compare --image-opts driver=raw,file.filename=a.raw driver=raw,file.filename=a.raw
run strata compare --image-opts -f raw driver=raw,file.filename=a.raw driver=raw,file.filename=a.raw
run strata compare --image-opts -F raw driver=raw,file.filename=a.raw driver=raw,file.filename=a.raw
run strata compare --image-opts a.raw a.raw
