# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow2 -o data_file_raw=on a.qcow2 1M
blank base.raw 1M
run strata create -f qcow2 -o data_file=b.data,data_file_raw=on -b base.raw -F raw b.qcow2
run strata create -f qcow2 -o data_file=b.data -b base.raw -F raw b.qcow2
run strata create -f qcow2 -o data_file=nowhere/c.data c.qcow2 1M
run strata create -f qcow2 -o data_file= d.qcow2 1M
run strata create -f qcow2 -o data_file_raw=maybe f.qcow2 1M
