# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Options that every node or a driver takes, good and bad values.
qemu-img create -q -f qcow2 a.qcow2 64k
blank a.raw 64K
for option in read-only=on read-only=maybe force-share=on cache.direct=on cache.no-flush=maybe discard=unmap discard=frob \
  detect-zeroes=off detect-zeroes=frob lazy-refcounts=off overlap-check=all overlap-check=frob l2-cache-size=1M \
  l2-cache-size=junk cache-size=1M refcount-cache-size=256k l2-cache-entry-size=3 cache-clean-interval=10 \
  pass-discard-request=on node-name=x auto-read-only=on; do
  note "$option"
  strata info --image-opts "driver=qcow2,file.filename=a.qcow2,$option" 2>&1 | head -n 2
done
for option in locking=on locking=off locking=auto locking=frob aio=threads aio=io_uring aio=frob aio-max-batch=5 aio-max-batch=x drop-cache=on drop-cache=frob \
  x-check-cache-dropped=off; do
  note "file.$option"
  strata info --image-opts "driver=raw,file.filename=a.raw,file.$option" 2>&1 | head -n 2
done
