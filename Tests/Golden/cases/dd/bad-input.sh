# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata dd if=missing of=b.raw
pattern a.raw 0 10K 65
run strata dd -f frob if=a.raw of=b.raw
run strata dd -f qcow2 if=a.raw of=b.raw
run strata dd -f raw if=a.raw of=nowhere/b.raw
run strata dd -f raw if= of=b.raw
run strata dd -f raw if=frob:a.raw of=b.raw
run strata dd -f raw if=a.raw of=frob:b.raw
present b.raw
mkdir folder
run strata dd -f raw if=folder of=b.raw
run strata dd -f raw skip=21 if=a.raw of=b.raw
run strata dd -f raw skip=20 if=a.raw of=c.raw
run strata dd -f raw count=0 if=a.raw of=d.raw
size_of b.raw c.raw d.raw
