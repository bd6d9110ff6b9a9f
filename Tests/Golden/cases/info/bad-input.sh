# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkdir folder
blank empty 0
run strata info missing.raw
run strata info missing.qcow2
run strata info -f qcow2 missing.qcow2
run strata info folder
run strata info empty
run strata info -f qcow2 empty
run strata info ''
run strata info empty/file
run strata info frob:x
run strata info file:empty
run strata info -f frob empty
run strata info -f '' empty
blank a.raw 4k
run strata info -f qcow2 a.raw
run strata info --output=json missing.raw
qemu-img create -q -f qcow2 a.qcow2 1M
for length in 3 4 71 72 103; do
  note "the first $length bytes of a qcow2"
  head -c "$length" a.qcow2 >short.qcow2
  run strata info short.qcow2
done
ln -s loop loop
run strata info loop
run strata info /dev/null
