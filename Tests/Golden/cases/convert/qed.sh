# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
run strata convert -f raw -O qed a.raw a.qed
same a.raw raw a.qed qed
qemu-img convert -f raw -O qed a.raw theirs.qed
run strata check theirs.qed
run strata check --output=json theirs.qed
run strata convert -O raw a.qed b.raw
same a.raw raw b.raw raw
run strata convert -c -f raw -O qed a.raw c.qed
run strata convert -f raw -O qed -B a.qed -F qed a.raw d.qed
same a.raw raw d.qed qed
run strata snapshot -c s a.qed
run strata snapshot -l a.qed
run strata amend -o table_size=2 a.qed
run strata rebase -u -b a.raw -F raw a.qed
run strata info a.qed
run strata rebase -u -b '' a.qed
run strata info a.qed
run strata commit d.qed
same a.raw raw a.qed qed
run strata commit a.qed
