# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A source that is only guessed to be raw, and one that looks like something else.
qemu-img create -q -f qcow2 inner.qcow2 1M
blank a.raw 1M
run strata convert -O qcow2 a.raw a.qcow2
run strata convert -f raw -O raw inner.qcow2 b.raw
run cmp inner.qcow2 b.raw
note 'a probed target, over which a header would be written'
blank c.raw 1M
run strata convert -n -f raw -O raw inner.qcow2 c.raw
run strata convert -n --target-image-opts -f raw inner.qcow2 file.filename=c.raw
