# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern base.raw 0 1M 65
cp base.raw a.raw
run strata convert -f raw -O qcow2 -B base.raw a.raw b.qcow2
run strata convert -f raw -O qcow2 -B missing.raw -F raw a.raw b.qcow2
run strata convert -f raw -O qcow2 -B base.raw -F qcow2 a.raw b.qcow2
run strata convert -f raw -O qcow2 -B base.raw -F frob a.raw b.qcow2
run strata convert -f raw -O qcow2 -F raw a.raw b.qcow2
run strata convert -f raw -O raw -B base.raw -F raw a.raw b.raw
run strata convert -f raw -O qcow2 -B base.raw -F raw -o backing_file=base.raw a.raw c.qcow2
run strata convert -f raw -O qcow2 -B base.raw -F raw a.raw a.raw d.qcow2
run strata convert -f raw -O qcow2 -o backing_file=base.raw a.raw e.qcow2
run strata convert -f raw -O qcow2 -B '' a.raw f.qcow2
run strata convert -f raw -O qcow2 -o backing_file= a.raw g.qcow2
note 'a backing file of another size'
blank short.raw 512K
blank long.raw 2M
run strata convert -f raw -O qcow2 -B short.raw -F raw a.raw h.qcow2
same a.raw raw h.qcow2 qcow2
run strata convert -f raw -O qcow2 -B long.raw -F raw a.raw i.qcow2
same a.raw raw i.qcow2 qcow2
