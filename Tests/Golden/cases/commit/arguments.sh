# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
run strata commit
run strata commit top base
run strata commit missing
run strata commit -f frob top
run strata commit -f raw before.raw
run strata commit base
run strata commit -b missing top
run strata commit -b '' top
run strata commit -t frob top
run strata commit -r frob top
run strata commit -U top
run strata commit -b
run strata commit --image-opts -f qcow2 driver=qcow2,file.filename=top
chain_state
run strata commit --image-opts driver=qcow2,file.filename=top
run strata commit -t none -r 1G top
mv mid moved
run strata commit top
