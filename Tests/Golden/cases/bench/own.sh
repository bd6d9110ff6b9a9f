# beyond the peer: -q is quiet; a depth of 0, of which the peer hangs, is refused; native needs no direct I/O
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata bench -f raw -q -c 10 a.raw
run strata bench -f raw -d 0 -c 10 a.raw
run strata bench -f raw -q -c 10 -i io_uring a.raw
run strata bench -f raw -q -c 10 -i native -t none a.raw
run strata bench -f raw -q -c 10 -i native a.raw
run strata bench -f raw -q -c 10 -n a.raw
run strata bench -f raw --count 10 --depth 2 --offset 4k --buffer-size 512 --step-size 1k --cache none --aio threads a.raw
