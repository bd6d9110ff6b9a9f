# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
run strata convert -f raw -O qcow a.raw a.qcow
same a.raw raw a.qcow qcow
run strata map a.qcow
run strata convert -O raw a.qcow b.raw
same a.raw raw b.raw raw
run strata convert -f raw -O qcow -B a.qcow -F qcow a.raw d.qcow
same a.raw raw d.qcow qcow
run strata info d.qcow
run strata snapshot -c s a.qcow
run strata snapshot -l a.qcow
run strata amend -o encryption=on a.qcow
run strata commit d.qcow
same a.raw raw a.qcow qcow
run strata commit a.qcow
secret=(--object secret,id=s,data=hello)
run strata convert "${secret[@]}" -c -f raw -O qcow -o encrypt.format=aes,encrypt.key-secret=s a.raw e.qcow
