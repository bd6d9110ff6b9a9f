# beyond the peer: version 2, and ciphers that OpenSSL lacks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

secret=(--object secret,id=s,data=abc)
run strata create -f luks -o key-secret=nosuch a.luks 1M
for options in cipher-alg=serpent-256 cipher-alg=aes-192 cipher-mode=ctr ivgen-alg=essiv,ivgen-hash-alg=sha1 hash-alg=md5 \
  iter-time=0 iter-time=99999999999 version=3 version=2,pbkdf=frob version=2,sector-size=513 pbkdf=argon2id \
  sector-size=4k; do
  run strata create "${secret[@]}" -f luks -o key-secret=s,iter-time=1,$options a.luks 1M
done
for options in '' version=2 version=2,pbkdf=pbkdf2,sector-size=4k; do
  run strata create "${secret[@]}" -f luks -o "key-secret=s,iter-time=1${options:+,$options}" a.luks 1M
  size_of a.luks
done
run strata create -f luks -o help
