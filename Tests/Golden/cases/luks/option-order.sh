# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'a value that there is not, then the secret, then what cannot be done'
for options in cipher-alg=cast5-128 cipher-alg=frob hash-alg=frob,cipher-alg=cast5-128 \
  ivgen-alg=frob,cipher-mode=frob ivgen-hash-alg=frob; do
  run strata measure -O luks -o $options --size 1M
  run strata create -f luks -o $options a.luks 1M
  run strata measure -O qcow2 -o encrypt.format=luks,encrypt.${options//,/,encrypt.} --size 1M
done
run strata measure --object secret,id=s,data=x -O luks -o key-secret=s,cipher-alg=cast5-128 --size 1M
run strata create --object secret,id=s,data=x -f luks -o key-secret=s,cipher-alg=cast5-128 a.luks 1M
run strata create -f luks -o key-secret=s,cipher-alg=cast5-128 a.luks 1M
