# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
for count in x -1 4294967296 1k; do run strata bench -f raw -c "$count" a.raw; done
for depth in x -1 3G; do run strata bench -f raw -d "$depth" a.raw; done
for offset in x -1 9E; do run strata bench -f raw -o "$offset" a.raw; done
for size in x 3G; do
  run strata bench -f raw -s "$size" a.raw
  run strata bench -f raw -S "$size" a.raw
done
for pattern in x 256 -1; do run strata bench -w -f raw --pattern "$pattern" a.raw; done
for interval in x -1; do run strata bench -w -f raw --flush-interval "$interval" a.raw; done
run strata bench -f raw --flush-interval 100 a.raw
run strata bench -f raw -w --flush-interval 63 a.raw
run strata bench -f raw -w --flush-interval 4 -d 5 a.raw
run strata bench -f raw -t frob a.raw
run strata bench -f raw -i frob a.raw
run strata bench
run strata bench a.raw a.raw
run strata bench missing
run strata bench -f frob a.raw
run strata bench --frob
run strata bench -w -U -f raw a.raw
run strata bench --image-opts -f raw driver=raw,file.filename=a.raw
