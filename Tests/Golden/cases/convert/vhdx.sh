# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 20M
pattern a.raw 0 3M 7
pattern a.raw 17M 1000 8
run strata convert -f raw -O vhdx a.raw a.vhdx
same a.raw raw a.vhdx vhdx
run strata check a.vhdx
run strata check --output=json a.vhdx
qemu-img convert -f raw -O vhdx -o block_size=1M a.raw theirs.vhdx
run strata check theirs.vhdx
run strata convert -O raw theirs.vhdx b.raw
same a.raw raw b.raw raw
run strata compare a.vhdx theirs.vhdx
run strata convert -f raw -O vhdx -o subformat=fixed a.raw fixed.vhdx
same a.raw raw fixed.vhdx vhdx
run strata convert -n -f raw -O vhdx a.raw theirs.vhdx
same a.raw raw theirs.vhdx vhdx
run strata convert -c -f raw -O vhdx a.raw c.vhdx
run strata snapshot -c s a.vhdx
run strata snapshot -l a.vhdx
run strata amend -o block_size=2M a.vhdx
