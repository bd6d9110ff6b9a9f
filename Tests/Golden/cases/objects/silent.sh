# beyond the peer: what may be part of a secret is never repeated, and only secrets can be defined.
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
try() { run strata map -f raw "$@" a.raw; }
for object in secret,id=a,data=hun,ter2 secret,id=a,data=hun,ter2=x secret,id=a,data=hun,ter2.a=x \
  secret,id=a,data=hun,2ter2=x "{'qom-type':'secret','id':'a','data':ter2}" \
  "{'qom-type':'secret','id':'a','data':'ter2" secret,id=a,data=aHVudGVyMg,format=base64; do
  try --object "$object"
done
try --object help
try --object secret,help
try --object throttle-group,id=g
printf ter2 >-
run strata map -f raw --object secret,id=a,file=./- a.raw
run strata map -f raw --object secret,id=a,file=- --object secret,id=b,file=- a.raw
