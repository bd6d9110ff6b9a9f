# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mkdir none psk x509
echo alice:00112233 >psk/keys.psk
try() { run strata info "$@" --image-opts driver=nbd,path=nowhere,tls-creds=t; }
P=tls-creds-psk,id=t
for object in tls-creds-psk "$P" "$P,endpoint=client" "$P,dir=none" "$P,dir=nowhere" "$P,dir=psk" \
  "$P,dir=psk,username=alic" "$P,dir=psk,username=alice" "$P,dir=psk,endpoint=server" "$P,dir=psk,endpoint=frob" \
  "$P,dir=psk,username=alice,verify-peer=frob" "$P,dir=psk,username=alice,verify-peer=off" "$P,dir=psk,frob=1" \
  "$P,dir=psk,passwordid=s" tls-creds-psk,id=1,dir=psk tls-creds-x509,id=t tls-creds-x509,id=t,dir=x509 \
  tls-creds-x509,id=t,dir=nowhere,endpoint=client tls-creds-x509,id=t,username=alice \
  '{"qom-type":"tls-creds-psk","id":"t","dir":"psk","username":"alice"}' '{"qom-type":"tls-creds-psk","id":"t","dir":1}' \
  tls-creds,id=t secret,id=t,data=x throttle-group,id=t tls-creds-psk,help tls-creds-x509,help; do
  try --object "$object"
done
try
try --object "$P,dir=psk,username=alice" --object "$P,dir=psk,username=alice"
try --object secret,id=t,data=x --object "$P,dir=psk,username=alice"
