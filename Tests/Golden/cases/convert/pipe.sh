# beyond the peer: it writes to no pipe
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# through FILE CMD ARGS... prints the command line and its errors; what it writes into a pipe comes to stand in FILE.
through() {
  local file=$1 status
  shift
  printf '$ %s > %s\n' "$*" "$file"
  "$@" 2>"$GOLDEN_SCRATCH/stderr" | cat >"$file"
  status=${PIPESTATUS[0]}
  sed 's/^/! /' "$GOLDEN_SCRATCH/stderr"
  if ((status != 0)); then printf '[exit %d]\n' "$status"; fi
}
stream='subformat=streamOptimized'

blank a.raw 40M
noise a.raw 1M 200K
pattern a.raw 3M 3M 5
noise a.raw 33M 100K
through b.raw strata convert -f raw -O raw a.raw /dev/stdout
cmp a.raw b.raw
for threads in 1 8; do
  through a.vmdk strata convert -m $threads -f raw -O vmdk -o $stream a.raw /dev/stdout
  run strata check a.vmdk
  same a.raw raw a.vmdk vmdk
done
strata convert -f raw -O vmdk -o $stream a.raw file.vmdk
note 'as long as a file is, and from the descriptor on the same bytes'
cmp -i 65536 a.vmdk file.vmdk
note 'nothing but zeros'
blank zero.raw 5M
through zero.vmdk strata convert -f raw -O vmdk -o $stream zero.raw /dev/stdout
run strata check zero.vmdk
same zero.raw raw zero.vmdk vmdk
note 'a pipe with a name'
mkfifo fifo
cat fifo >c.vmdk &
run strata convert -f raw -O vmdk -o $stream a.raw fifo
wait
same a.raw raw c.vmdk vmdk
note 'what is written all over, and what else would be said there'
through x strata convert -f raw -O qcow2 a.raw /dev/stdout
through x strata convert -f raw -O vmdk a.raw /dev/stdout
through x strata convert --verify -f raw -O raw a.raw /dev/stdout
through x strata convert -p -f raw -O raw a.raw /dev/stdout
through x strata convert --checksum -f raw -O raw a.raw /dev/stdout
through x strata convert -n -f raw -O raw a.raw /dev/stdout
run strata create -q -f raw fifo 1M
through x strata convert -f raw -O ova a.raw /dev/stdout
note 'a name that stands for a stream elsewhere'
run strata convert -f raw -O raw zero.raw -
run strata convert -f raw -O ova zero.raw -
present -
rm -- -
ls
through b.raw strata convert -q -p -f raw -O raw a.raw /dev/stdout
cmp a.raw b.raw
note 'a reader that goes away, and a source that cannot be read'
{ strata convert -f raw -O raw a.raw /dev/stdout 2>error; echo "[exit $?]" >>error; } | head -c 10 >x
sed 's/byte [0-9]*/byte N/' error
through x strata convert -O vmdk -o $stream --image-opts \
  driver=raw,file.driver=blkdebug,file.image.filename=a.raw,file.inject-error.0.event=read_aio,file.inject-error.0.sector=67584 /dev/stdout
run strata check x
