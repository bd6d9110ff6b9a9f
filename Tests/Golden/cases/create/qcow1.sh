# beyond the peer: it has no such name
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow1 a.qcow 1M
run strata info -f qcow1 a.qcow
run strata convert -f qcow1 -O qcow1 a.qcow b.qcow
run strata compare -f qcow1 -F qcow a.qcow b.qcow
run strata create -f qcow2 -b a.qcow -F qcow1 c.qcow2
run strata info c.qcow2
run strata rebase -u -b b.qcow -F qcow1 c.qcow2
run strata info c.qcow2
run strata convert -O raw c.qcow2 c.raw
run strata info --image-opts driver=qcow1,file.filename=a.qcow
