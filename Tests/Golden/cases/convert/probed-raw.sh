# beyond the peer: the refusal says why, and what to do
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A source that is only guessed to be raw, and one that looks like something else.
qemu-img create -q -f qcow2 inner.qcow2 1M
blank a.raw 1M
run strata convert -O qcow2 a.raw a.qcow2
run strata convert -f raw -O raw inner.qcow2 b.raw
run cmp -n 196616 inner.qcow2 b.raw
note 'an existing target of which the format is guessed, and one of which it is said'
blank c.raw 1M
run strata convert -n --target-image-opts -f raw inner.qcow2 file.filename=c.raw
run strata convert -n --target-image-opts -f raw inner.qcow2 driver=raw,file.filename=c.raw
run strata info c.raw
