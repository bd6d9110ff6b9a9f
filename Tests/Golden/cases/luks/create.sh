# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# What is refused before anything is encrypted, so that no peer has to measure its processor.
secret=(--object secret,id=s,data=abc)
run strata create -f luks a.luks 1M
for options in cipher-alg=frob cipher-mode=frob ivgen-alg=frob ivgen-hash-alg=frob hash-alg=frob preallocation=frob \
  frob=1 cipher-alg=des; do
  run strata create "${secret[@]}" -f luks -o key-secret=s,$options a.luks 1M
done
run strata create "${secret[@]}" -f luks -b base.raw -o key-secret=s a.luks 1M
