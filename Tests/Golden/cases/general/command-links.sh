# beyond the peer: a link named strata-COMMAND is that command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

ln -s "$(command -v strata)" strata-create
ln -s "$(command -v strata)" strata-info
run ./strata-create -f raw a.raw 1M
run ./strata-info a.raw
run ./strata-info missing.raw
run ./strata-info --frob a.raw
