# beyond the peer: it has no such commands; keys of any bytes, and what is done where no slot is left
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

printf abc >key
printf def >newkey
printf '\x3a\x3c\x3b\xff' >binary
secret=(--object secret,id=s,data=abc --object secret,id=b,file=binary)
run strata create "${secret[@]}" -f luks -o key-secret=b,iter-time=1 a.luks 1M
present a.luks
for method in luks aes; do
  run strata create "${secret[@]}" -f qcow2 -o encrypt.format=$method,encrypt.key-secret=b a.qcow2 1M
  present a.qcow2
done
strata create -q "${secret[@]}" -f luks -o key-secret=s,iter-time=1 a.luks 1M
cp a.luks before
run strata amend "${secret[@]}" --image-opts -o state=active,new-secret=b driver=luks,file.filename=a.luks,key-secret=s
show cmp a.luks before
run strata luks add-key --key-file=key --new-key-file=binary --iter-time=1 a.luks
run strata compare "${secret[@]}" --image-opts driver=luks,file.filename=a.luks,key-secret={s,b}
for slot in 2 3 4 5 6 7; do
  strata luks add-key --key-file=key --new-key-file=key --iter-time=1 a.luks
done
cp a.luks before
run strata luks add-key --key-file=key --new-key-file=newkey --iter-time=1 a.luks
run strata luks change-key --key-file=key --new-key-file=newkey --iter-time=1 a.luks
run strata amend "${secret[@]}" --image-opts -o state=active,new-secret=s driver=luks,file.filename=a.luks,key-secret=s
show cmp a.luks before
run strata luks erase-key --key-slot=7 --key-file=key a.luks
run strata luks change-key --key-file=key --new-key-file=newkey --iter-time=1 a.luks
run strata compare "${secret[@]}" --image-opts driver=luks,file.filename=a.luks,key-secret={b,s}
printf '\n' >>newkey
run strata luks add-key --key-file=newkey --new-key-file=key --iter-time=1 a.luks
