# beyond the peer: the order in which it says what a header holds is its own; here keys are changed too
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# settled CMD ARGS... runs CMD and hides what differs from one image to the next.
settled() {
  "$@" | sed -E 's/(uuid"?: "?)[0-9a-f-]{36}/\1(uuid)/; s/(iters"?: )[0-9]+/\1(n)/; s/((actual-size|memory|threads)"?: |disk size: )[0-9]+/\1(n)/'
}
secret=(--object secret,id=s,data=abc --object secret,id=t,data=def --object secret,id=w,data=wrong)
image() { echo "driver=luks,file.filename=a.luks,key-secret=$1"; }
strata create -q "${secret[@]}" -f luks -o key-secret=s,iter-time=1 a.luks 1M
run settled strata info a.luks
run settled strata info --output=json --image-opts "$(image s)" "${secret[@]}"
run strata amend "${secret[@]}" --image-opts -o state=active,new-secret=t,iter-time=1 "$(image s)"
run strata amend "${secret[@]}" --image-opts -o state=active,new-secret=t,keyslot=1 "$(image s)"
run strata amend "${secret[@]}" --image-opts -o state=inactive,old-secret=w "$(image s)"
run strata amend "${secret[@]:0:2}" --image-opts -o state=inactive,old-secret=s "$(image s)"
run strata amend "${secret[@]}" --image-opts -o state=inactive,old-secret=s "$(image t)"
run strata amend "${secret[@]}" --image-opts -o state=inactive,keyslot=1 "$(image t)"
run strata amend "${secret[@]}" --image-opts -o state=inactive,keyslot=0 "$(image t)"
run strata amend "${secret[@]}" --image-opts -o state=inactive,keyslot=0 "$(image t)" --force
run strata amend "${secret[@]}" --image-opts -o state=inactive,keyslot=1 "$(image t)" --force
run strata convert "${secret[@]}" -O raw --image-opts "$(image t)" a.raw
strata create -q "${secret[@]}" -f luks -o key-secret=s,iter-time=1,version=2 a.luks 1M
run settled strata info a.luks
run strata convert -O raw a.luks a.raw
run strata convert "${secret[@]}" -O raw --image-opts "$(image nosuch)" a.raw
run strata convert "${secret[@]}" -O raw --image-opts "$(image w)" a.raw
present a.raw
run strata map --output=json "${secret[@]}" --image-opts "$(image s)"
run strata map "${secret[@]}" --image-opts "$(image s)"
run strata check a.luks
run strata check "${secret[@]}" --image-opts "$(image s)"
