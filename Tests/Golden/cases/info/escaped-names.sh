# beyond the peer: names are bytes; what is no UTF-8 and what would tell a terminal something is shown escaped
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for name in $'tab\there' $'line\nverdict: safe' $'\e[31mred\177' $'c1\302\233m' $'bidi\342\200\256gpj' $'latin\351' 'ü'; do
  truncate -s 1M "./$name"
  run strata info -f raw "./$name"
  run strata info -f raw --output=json "./$name" | grep filename
  qemu-img create -q -f qcow2 -u -b "$name" -F raw image.qcow2 1M
  run strata inspect image.qcow2
  run strata map "./$name.none"
  qemu-img create -q -f qcow2 tagged.qcow2 1M
  qemu-img snapshot -c "$name" tagged.qcow2
  run strata snapshot -l tagged.qcow2 | sed 's/ 20..-.*//'
done
