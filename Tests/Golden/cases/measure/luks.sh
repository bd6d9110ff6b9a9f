# beyond the peer: it measures its processor for seconds each time
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

secret=(--object secret,id=s,data=abc)
run strata measure -O luks --size 1G
for options in '' cipher-alg=aes-128 cipher-alg=aes-128,cipher-mode=cbc iter-time=5 cipher-alg=frob hash-alg=frob; do
  run strata measure "${secret[@]}" -O luks --size 1G -o "key-secret=s${options:+,$options}"
done
blank a.raw 5M
run strata measure "${secret[@]}" -O luks -o key-secret=s a.raw
