# beyond the peer: it cannot measure its processor in so short an iter-time
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# settled CMD ARGS... runs CMD and hides what differs from one image to the next.
settled() {
  "$@" | sed -E 's/(uuid"?: "?)[0-9a-f-]{36}/\1(uuid)/; s/(iters"?: )[0-9]+/\1(n)/; s/((actual-size)"?: |disk size: )[0-9]+/\1(n)/'
}
secret=(--object secret,id=s,data=abc --object secret,id=t,data=def --object secret,id=w,data=wrong)
image() { echo "driver=qcow2,file.filename=$1,encrypt.key-secret=$2"; }
luks=encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1
run strata create "${secret[@]}" -f qcow2 -o $luks a.qcow2 1M
run settled strata info a.qcow2
run settled strata info --output=json a.qcow2
run strata check a.qcow2
run strata check "${secret[@]}" --image-opts "$(image a.qcow2 s)"
for format in luks aes frob; do
  run strata check "${secret[@]}" --image-opts "$(image a.qcow2 s),encrypt.format=$format"
done
run strata map "${secret[@]}" --image-opts "$(image a.qcow2 w)"
run strata amend "${secret[@]}" --image-opts -o encrypt.state=active,encrypt.new-secret=t,encrypt.iter-time=1 "$(image a.qcow2 s)"
run strata amend "${secret[@]}" --image-opts -o encrypt.state=inactive,encrypt.keyslot=9 "$(image a.qcow2 s)"
run strata amend "${secret[@]}" --image-opts -o encrypt.keyslot=1 "$(image a.qcow2 s)"
run strata amend "${secret[@]}" --image-opts -o encrypt.state=inactive,encrypt.old-secret=w "$(image a.qcow2 s)"
run strata amend "${secret[@]}" --image-opts -o encrypt.state=inactive,encrypt.old-secret=s "$(image a.qcow2 t)"
run strata amend "${secret[@]}" --image-opts -o encrypt.state=inactive,encrypt.old-secret=t "$(image a.qcow2 t)"
run strata amend "${secret[@]}" --image-opts -o encrypt.cipher-alg=aes-128 "$(image a.qcow2 t)"
# Nothing else has changed when a secret turns out not to be there.
run strata amend "${secret[@]}" --image-opts -o refcount_bits=8,encrypt.state=active,encrypt.new-secret=x "$(image a.qcow2 t)"
qemu-img info a.qcow2 | grep 'refcount bits' | sed 's/^ */= /'
run strata map "${secret[@]}" --image-opts "$(image a.qcow2 s)"
blank b.raw 1M
run strata convert -c "${secret[@]}" -f raw -O qcow2 -o $luks b.raw b.qcow2
present b.qcow2
run strata create -q "${secret[@]}" -f qcow2 -o encryption=on,encrypt.key-secret=s c.qcow2 1M
run settled strata info c.qcow2
run strata amend "${secret[@]}" --image-opts -o encrypt.state=inactive,encrypt.old-secret=s "$(image c.qcow2 s)"
run strata measure "${secret[@]}" -O qcow2 -o $luks --size 64M
run strata measure -O qcow2 -o encrypt.format=luks --size 64M
