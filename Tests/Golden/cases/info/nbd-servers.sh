# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# What is missing in the address of a server is named as the address has it.
for server in inet inet,server.host=h inet,server.port=1 unix nope inet,server.host=h,server.port=1,server.foo=1 \
  unix,server.path=p,server.foo=1; do
  run strata info --image-opts driver=nbd,server.type=$server
done
run strata info --image-opts driver=nbd,server.host=localhost
run strata info --image-opts driver=nbd,port=1
