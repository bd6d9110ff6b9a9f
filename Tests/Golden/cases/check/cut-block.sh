# beyond the peer: it drops such blocks, or has no check
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

head -c 3584K /dev/zero | tr '\0' A >disk.raw
for format in vdi vhdx vpc qed; do
  options=()
  [[ $format == qed ]] && options=(-o cluster_size=1M)
  [[ $format == vhdx ]] && options=(-o block_size=1M)
  strata convert -f raw -O "$format" "${options[@]}" disk.raw "disk.$format"
  truncate -s -1024 "disk.$format"
  run strata check -r all -f "$format" "disk.$format"
  run strata compare -f raw -F "$format" disk.raw "disk.$format"
done

# A mark that asks for a check lets the next writer do the same.
strata convert -f raw -O qed -o cluster_size=1M disk.raw marked.qed
truncate -s -1 marked.qed
printf '\2' | dd of=marked.qed bs=1 seek=16 conv=notrunc status=none
head -c 512 /dev/zero | tr '\0' B >piece
run strata dd -f raw -O qed if=piece of=marked.qed bs=512 oflag=seek_bytes seek=1M conv=notrunc
head -c 1M /dev/zero | tr '\0' A >expected.raw
cat piece >>expected.raw
head -c 2620928 /dev/zero | tr '\0' A >>expected.raw
run strata compare -f raw -F qed expected.raw marked.qed
