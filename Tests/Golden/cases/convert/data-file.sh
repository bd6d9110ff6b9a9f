# beyond the peer: the refusal says why
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
run strata convert -f raw -O qcow2 -o data_file=a.data a.raw a.qcow2
same a.raw raw a.qcow2 qcow2
run strata convert -f raw -O qcow2 -o data_file=b.data,data_file_raw=on a.raw b.qcow2
same a.raw raw b.qcow2 qcow2
same a.raw raw b.data raw
run strata convert -f raw -O qcow2 -c -o data_file=c.data a.raw c.qcow2
run strata convert -f qcow2 -O raw a.qcow2 c.raw
run cmp a.raw c.raw
