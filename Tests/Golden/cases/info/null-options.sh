# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# JSON's null is an option that is not given.
qemu-img create -q -f raw a.raw 1M
disk='"file":{"driver":"file","filename":"a.raw"}'
run strata info 'json:{"driver":"null-co","size":null}'
run strata info 'json:{"driver":"null-co","latency-ns":null}'
run strata info 'json:{"driver":"null-co","read-zeroes":null}'
run strata info "json:{\"driver\":\"raw\",\"offset\":null,$disk}"
run strata info "json:{\"driver\":\"raw\",\"node-name\":null,$disk}"
run strata info "json:{\"driver\":\"raw\",\"read-only\":null,$disk}"
run strata info "json:{\"driver\":null,$disk}"
run strata info 'json:{"driver":"raw","file":{"driver":"file","filename":null}}'
run strata info "json:{\"driver\":\"throttle\",\"throttle-group\":null,$disk}"
run strata info 'json:{"driver":"blkdebug","image":{"driver":"file","filename":"a.raw"},"config":null}'
