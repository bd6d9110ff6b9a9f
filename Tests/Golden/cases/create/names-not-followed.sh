# beyond the peer: it follows every name that it finds in an image
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
note 'names that are not followed later are told of at once'
run strata create -q -f qcow2 -F raw -b 'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}' a.qcow2
run strata map a.qcow2
run strata create -q -u -f qcow2 -F raw -b nbd://localhost/x a.qcow2 1M
run strata create -q --references=any -u -f qcow2 -F raw -b nbd://localhost/x a.qcow2 1M
run strata rebase -q -u -F raw -b nbd://localhost/x a.qcow2
note 'of the rest of a chain, nothing is opened'
run strata create -q -u -f qcow2 -F qcow2 -b broken.qcow2 b.qcow2 1M
printf 'QFI\373' >broken.qcow2
run strata create -q -u -f qcow2 -F qcow2 -b broken.qcow2 c.qcow2 1M
