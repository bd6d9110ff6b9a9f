# beyond the peer: what libnbd cannot do is refused when it is asked for
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkdir x509
echo alice:00112233 >x509/keys.psk
touch x509/ca-cert.pem
try() { run strata info "$@" --image-opts driver=nbd,path=nowhere,tls-creds=t; }
try --object tls-creds-anon,id=t,endpoint=client
try --object tls-creds-psk,id=t,dir=x509,username=alice,priority=NORMAL
try --object secret,id=s,data=x --object tls-creds-x509,id=t,dir=x509,passwordid=s
try --object tls-creds-x509,id=t,dir=x509
try
