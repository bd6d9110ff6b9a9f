# beyond the peer: the advice to use -u; loops are named; names that are too long too; -u refuses nothing that the peer takes
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
run strata rebase -b top -F qcow2 top
run strata rebase -b top -F qcow2 base
run strata rebase -u -b "$(printf 'x%.0s' {1..1024})" -F qcow2 top
qemu-img create -q -f qcow2 -o cluster_size=512 small 1M
run strata rebase -u -b "$(printf 'x%.0s' {1..500})" -F qcow2 small
base_state
run strata rebase -b base2 top
base_state
mv base moved
run strata rebase -b base2 -F qcow2 top
run strata rebase -u -b moved -F qcow2 top
run strata rebase -b base2 -F qcow2 top
base_state
note 'names that nobody would follow'
for mode in '' -u; do
  run strata rebase $mode -b 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base2"}}' -F qcow2 small
  run strata rebase $mode -b nbd://localhost/x -F qcow2 small
done
qemu-img info small | grep backing || note "nothing was written"
