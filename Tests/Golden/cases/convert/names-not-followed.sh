# beyond the peer: it follows every name that it finds in an image
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
blank disk.raw 1M
J='json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}'
note 'names that are not followed later are told of at once'
run strata convert -O qcow2 -F raw -B "$J" disk.raw a.qcow2
run strata convert -O qcow2 -o "backing_fmt=raw,backing_file=${J//,/,,}" disk.raw a.qcow2
run strata convert --references=any -O qcow2 -F raw -B "$J" disk.raw a.qcow2
run strata convert -O qcow2 -F raw -B base.raw disk.raw a.qcow2
note 'where nothing is made, nothing is named'
run strata convert -n -O qcow2 -B "$J" disk.raw a.qcow2
