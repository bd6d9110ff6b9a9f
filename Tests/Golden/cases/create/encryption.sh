# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Only what can be said without encrypting anything.
run strata create -f qcow2 -o encryption=on a.qcow2 1M
run strata create -f qcow2 -o encrypt.format=luks a.qcow2 1M
run strata create -f qcow2 -o encrypt.format=aes a.qcow2 1M
run strata create -f qcow2 -o encrypt.format=frob a.qcow2 1M
run strata create -f qcow2 -o encrypt.format=luks,encrypt.key-secret=nosuch a.qcow2 1M
run strata create -f qcow2 -o encrypt.key-secret=nosuch a.qcow2 1M
run strata create -f qcow2 -o encryption=on,encrypt.format=aes a.qcow2 1M
run strata create -f qcow2 -o encryption=off a.qcow2 1M
run strata create -f qcow2 -o encrypt.frob=1 a.qcow2 1M
