# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A format given twice: by -f and by the name.
qemu-img create -q -f qcow2 a.qcow2 1M
run strata info -f raw 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}'
run strata info -f qcow2 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}'
run strata info -f qcow2 'json:{"driver":"raw","file":{"driver":"file","filename":"a.qcow2"}}'
run strata info -f qcow2 'json:{"file":{"driver":"file","filename":"a.qcow2"}}'
run strata info -f raw file:a.qcow2
