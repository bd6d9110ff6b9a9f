# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 2M
run strata create -f qcow a.qcow 10M
run strata info a.qcow
run strata info --output=json a.qcow
run strata map a.qcow
run strata create -f qcow -b base.raw -F raw c.qcow
run strata info c.qcow
run strata create -f qcow -b a.qcow -F qcow d.qcow 20M
run strata info --backing-chain d.qcow
run strata map d.qcow
size_of a.qcow c.qcow d.qcow
run strata create -f qcow e.qcow 0
run strata create -f qcow f.qcow 1000
run strata info f.qcow
run strata create -f qcow g.qcow
run strata create -f qcow -o preallocation=metadata h.qcow 1M
run strata create -f qcow -o cluster_size=4k h.qcow 1M
run strata create -f qcow -o encryption=on h.qcow 1M
run strata create -f qcow -o encrypt.key-secret=s h.qcow 1M
secret=(--object secret,id=s,data=hello)
run strata create "${secret[@]}" -f qcow -o encrypt.format=luks,encrypt.key-secret=s h.qcow 1M
run strata create "${secret[@]}" -f qcow -o encrypt.format=aes,encryption=on,encrypt.key-secret=s h.qcow 1M
run strata create "${secret[@]}" -f qcow -o encrypt.format=aes,encrypt.key-secret=t h.qcow 1M
run strata create "${secret[@]}" -f qcow -o encrypt.format=aes,encrypt.key-secret=s h.qcow 1M
run strata info h.qcow
run strata info --output=json h.qcow
run strata map h.qcow
run strata map --image-opts driver=qcow,file.filename=a.qcow,encrypt.format=aes
run strata map --image-opts driver=qcow,file.filename=h.qcow,encrypt.format=luks
run strata create -f qcow -o help
