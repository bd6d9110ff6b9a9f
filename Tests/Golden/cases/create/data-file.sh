# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow2 -o data_file=a.data a.qcow2 1M
size_of a.data
run strata info a.qcow2
run strata create -f qcow2 -o data_file=b.data,data_file_raw=on b.qcow2 1M
size_of b.data
run strata info b.qcow2
run strata info --output=json b.qcow2
note 'an existing data file'
pattern c.data 0 2M 65
run strata create -f qcow2 -o data_file=c.data c.qcow2 1M
size_of c.data
run strata create -f qcow2 -o data_file=c.data,data_file_raw=on c.qcow2 1M
run strata create -f qcow2 -o data_file=d.data,preallocation=metadata d.qcow2 1M
run strata map d.qcow2
