# beyond the peer: the refusal says what to do
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 0 1 511 512 1b 1B 1k 1K 1M 1G 1T 1.5k 1.5M 0.5k 0.1k 1.25G 0.3M .5M 1e3 1e3k 0x400 0x10k 0X1f \
  010 08 ' 1M' '+1M' '1 M' 1m 1g 1t 1p 1P 1e 7E 1E 8191P 9223372036854774784 ; do
  run strata create -f qcow2 -u -o cluster_size=2M a.qcow2 "$size"
  rm -f a.qcow2
done
