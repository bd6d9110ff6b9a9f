# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 10K 65
run strata dd
run strata dd if=a.raw
run strata dd of=b.raw
for bs in 0 x -1 '' 1.5 2G 3G; do run strata dd -f raw "bs=$bs" if=a.raw of=b.raw; done
for count in x -1 18446744073709551615; do run strata dd -f raw "count=$count" if=a.raw of=b.raw; done
for skip in x -1 9E; do run strata dd -f raw "skip=$skip" if=a.raw of=b.raw; done
run strata dd foo=1 if=a.raw of=b.raw
run strata dd foo if=a.raw of=b.raw
run strata dd if=a.raw of=b.raw -- x
run strata dd --frob if=a.raw of=b.raw
run strata dd -f
run strata dd --object frob,id=a if=a.raw of=b.raw
run strata dd --image-opts -f raw if=driver=raw,file.filename=a.raw of=b.raw
present b.raw
run strata dd --image-opts if=driver=raw,file.filename=a.raw of=b.raw
run strata dd -U -f raw -O raw if=a.raw of=b.raw
run strata dd of=c.raw count=3 -f raw bs=1k if=a.raw bs=512
size_of b.raw c.raw
