# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
printf hunter2 >key
K=$(printf 'k%.0s' {1..32} | base64)
V=$(printf 'i%.0s' {1..16} | base64)
C=vI0OE2kgFIpNoQunC9nnRg==
try() { run strata map -f raw "$@" a.raw; }
for object in '' frob,id=a '[]' id=a,data=x secret secret,data=x secret,id=a secret,id=a,data=x \
  secret,id=a,data=x, secret,id=a,data= secret,id=a,file=key secret,id=a,file=/dev/stdin secret,id=a,file=missing \
  secret,id=a,file=. secret,id=a,file= secret,id=a,file=key,data=x secret,id=a,frob=1,data=x \
  secret,id=a,frob.x=1,data=x secret,id=1a,data=x secret,id=,data=x secret,id=a/b,data=x secret,id=a.b-c_d,data=x \
  secret,id=a,format=frob,data=x secret,id=a,1x=y secret,id=a,keyid secret,id=a,data=x,keyid=m \
  secret,id=a,data=x,keyid=a secret,id=a,data=%,format=base64 secret,id=a,data=eHg=,format=base64 \
  '{"qom-type":"secret","id":"a","data":"x"}' '{"qom-type":"secret","id":"a"}' '{"qom-type":"secret","data":"x"}' \
  '{"id":"a"}' '{"qom-type":"frob","id":"a"}' '{' '{"qom-type":"secret","id":"a","data":1}' \
  '{"qom-type":"secret","id":"a","data":"x","frob":1}' '{"qom-type":"secret","id":"a","data":"x"} {}'; do
  try --object "$object"
done
try --object secret,id=a,data=x --object secret,id=a,data=y
M=secret,id=m,data=$K,format=base64
S=secret,id=s,keyid=m,format=base64
try --object "$M" --object "$S,data=$C,iv=$V"
try --object "$S,data=$C,iv=$V" --object "$M"
try --object "$M" --object "$S,data=$C"
try --object "$M" --object "$S,data=$C,iv=aaaa"
try --object "$M" --object "$S,data=eHg=,iv=$V"
try --object "secret,id=m,data=$K" --object "$S,data=$C,iv=$V"
