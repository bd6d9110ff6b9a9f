# beyond the peer: it waits for ever
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkfifo fifo
run timeout 5 strata info fifo
run timeout 5 strata info -f raw fifo
