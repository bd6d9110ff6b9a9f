# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# needs: create_compressed_fs

blank disk 10M
noise disk 0 100000
pattern disk 5000000 3000 7
create_compressed_fs -q -B 65536 disk a.cloop >/dev/null 2>&1
run strata info a.cloop
run strata info --output=json a.cloop
run strata info -f cloop a.cloop
run strata compare a.cloop disk
run strata convert -f cloop -O raw a.cloop out.raw
run cmp disk out.raw
run strata resize a.cloop 20M
run strata convert -n -f raw -O cloop disk a.cloop
run strata create -f cloop new 1M
run strata convert -O cloop disk new
present new

note 'a disk that does not end with a block'
blank odd 100000
pattern odd 50000 50000 9
create_compressed_fs -q -B 65536 odd odd.cloop >/dev/null 2>&1
run strata info odd.cloop
