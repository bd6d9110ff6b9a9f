# beyond the peer: -q is quiet; a depth of 0, of which the peer hangs, is refused; io_uring is not there yet
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata bench -f raw -q -c 10 a.raw
run strata bench -f raw -d 0 -c 10 a.raw
run strata bench -f raw -i io_uring a.raw
run strata bench -f raw -i native -t none a.raw
run strata bench -f raw --count 10 --depth 2 --offset 4k --buffer-size 512 --step-size 1k --cache none --aio threads a.raw
