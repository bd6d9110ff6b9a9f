# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The peer measures the time it takes, and fails now and then.
until qemu-img create -q -f luks --object secret,id=s,data=hunter2 -o key-secret=s,iter-time=100 a.luks 1M 2>log; do :; done
printf hunter2 >key
printf 'aHVudGVy\nMg==\n' >key64
read_it() { run strata compare -s --image-opts "$@" driver=luks,key-secret=s,file.filename=a.luks driver=luks,key-secret=s,file.filename=a.luks; }
read_it --object secret,id=s,data=hunter2
read_it --object secret,id=s,data=hunter3
read_it
read_it --object secret,id=t,data=hunter2
read_it --object secret,id=s,file=key
read_it --object secret,id=s,file=key64,format=base64
read_it --object secret,id=s,data=aHVudGVyMg==,format=base64
