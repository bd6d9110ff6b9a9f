# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in '' x 1x 1kb 1KiB 1MB 1.5 1.5b 1..5M 1.M . k M -- 1,5M 1M1 0x 0x1.8k 0x1p3 inf nan 1e400 \
  8E 9223372036854775808 \
  18446744073709551615 18446744073709551616 16E 99999999999999999999999 1.5E400; do
  run strata create -f raw a.raw "$size"
  present a.raw
  rm -f a.raw
done
run strata create -f raw -- a.raw -1
run strata create -f raw -- a.raw -1M
