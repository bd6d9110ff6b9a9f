# beyond the peer: it waits for ever
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkfifo fifo
blank a.raw 1M
run timeout 5 strata info fifo
run timeout 5 strata info -f raw fifo
run timeout 5 strata map -f raw fifo
run timeout 5 strata check -f qcow2 fifo
run timeout 5 strata compare -f raw -F raw a.raw fifo
run timeout 5 strata convert -f raw -O raw fifo b.raw
run timeout 5 strata create -f qcow2 -b fifo -F raw c.qcow2 1M
present b.raw c.qcow2
