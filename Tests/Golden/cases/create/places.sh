# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank file 0
mkdir folder
run strata create -f raw nowhere/a.raw 1M
run strata create -f qcow2 nowhere/a.qcow2 1M
run strata create -f raw folder 1M
run strata create -f qcow2 folder 1M
run strata create -f raw file/a.raw 1M
run strata create -f raw '' 1M
run strata create -f qcow2 '' 1M
run strata create -f raw frob:a.raw 1M
run strata create -f raw file:b.raw 1M
present b.raw
run strata create -f raw ./frob:a.raw 1M
run strata create -f raw file:frob:c.raw 1M
present frob:c.raw
run strata create -f raw 'json:{"driver":"file","filename":"d.raw"}' 1M
run strata create -f raw "$(printf '%0300d' 0)" 1M | sed -E 's/0{300}/0{300}/g' 
ln -s loop loop
run strata create -f raw loop 1M
ln -s dangling-target dangling
run strata create -f raw dangling 1M
present dangling-target
