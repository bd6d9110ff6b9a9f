# beyond the peer: a field "compressed", as newer releases have
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
# Zero clusters over a backing file, with and without a cluster behind them.
pattern base.raw 0 1M 65
blank a.raw 1M
pattern a.raw 131072 65536 66
qemu-img convert -f raw -O qcow2 -B base.raw -F raw a.raw a.qcow2
qemu-img create -q -f qcow2 -o extended_l2=on -b base.raw -F raw b.qcow2
qemu-io -f qcow2 -c 'write -P 5 6k 2k' -c 'write -z 8k 4k' -c 'write -P 6 196608 65536' -c 'write -z 196608 65536' b.qcow2 >c.log
qemu-img create -q -f qcow2 -o compat=0.10 -b base.raw -F raw c.qcow2
qemu-io -f qcow2 -c 'write -z 0 65536' -c 'discard 131072 65536' c.qcow2 >c.log
run strata map --output=json a.qcow2
run strata map --output=json b.qcow2
run strata map --output=json c.qcow2
