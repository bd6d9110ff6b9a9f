# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for type in zlib zstd lzo '' ZLIB gzip; do
  run strata create -f qcow2 -o "compression_type=$type" a.qcow2 1M
done
strata create -q -f qcow2 -o compression_type=zstd a.qcow2 1M
run strata info a.qcow2
