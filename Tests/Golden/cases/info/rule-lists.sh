# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# Lists of blkdebug's rules begin at 0, go on without a gap, and consist of rules.
qemu-img create -q -f raw a.raw 1M
for rules in inject-error.1.event=read_aio inject-error.x=read_aio inject-error.0=read_aio \
  inject-error.0.event=read_aio,inject-error.2.event=write_aio inject-error.00.event=read_aio \
  inject-error.-1.event=read_aio set-state.1.event=read_aio inject-error.event=read_aio; do
  run strata info --image-opts driver=blkdebug,image.filename=a.raw,$rules
done
for rules in '[null]' '[]' '{}' null; do
  run strata info 'json:{"driver":"blkdebug","image":{"driver":"file","filename":"a.raw"},"inject-error":'"$rules}"
done
