# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# Words that a golden case may use; `transcript` sources this file before the case.
# The working directory is empty and private. Makers print nothing, only `run`, `note` and `show` do.

# run CMD ARGS... prints the command line, its standard output, its standard error with `! ` before
# each line, and `[exit N]` unless it succeeds. The two streams are captured apart, so that the
# transcript does not depend on how a program buffers them.
run() {
  local word status=0
  printf '$'
  for word; do
    if [[ $word =~ ^[][A-Za-z0-9_./,:=+@%{}~-]+$ ]]; then printf ' %s' "$word"; else printf ' %s' "${word@Q}"; fi
  done
  printf '\n'
  "$@" >"$GOLDEN_SCRATCH/stdout" 2>"$GOLDEN_SCRATCH/stderr" </dev/null || status=$?
  whole_lines "$GOLDEN_SCRATCH/stdout"
  whole_lines "$GOLDEN_SCRATCH/stderr" | sed 's/^/! /'
  if ((status != 0)); then printf '[exit %d]\n' "$status"; fi
}

# whole_lines FILE prints FILE and says so when its last line is not ended.
whole_lines() {
  [[ -s $1 ]] || return 0
  cat -- "$1"
  [[ -z $(tail -c 1 -- "$1") ]] || printf '\n[no newline at the end]\n'
}

# note TEXT... prints a line of the case's own.
note() { printf '# %s\n' "$*"; }

# show CMD ARGS... prints one line of a CMD that is not under test, such as the size of a file.
show() { printf '= %s\n' "$("$@" 2>&1)"; }

# size_of FILE... prints the length of each, or that it does not exist.
size_of() {
  local name
  for name; do
    if [[ -e $name ]]; then note "$name has $(stat -c %s -- "$name") bytes"; else note "$name does not exist"; fi
  done
}

# same A FORMAT B FORMAT says whether two images have the same contents, by the word of qemu-img.
same() {
  if qemu-img compare -q -U -f "$2" -F "$4" -- "$1" "$3"; then note "$1 and $3 are the same"; else note "$1 and $3 differ"; fi
}

# allocation FORMAT FILE prints what is data and what is zero where, but not at which host offset.
allocation() {
  qemu-img map --output=json -f "$1" -- "$2" | sed -E 's/, "offset": [0-9]+//; s/^/= /'
}

# present FILE... says of each whether it exists; for what a failed command leaves behind.
present() {
  local name
  for name; do if [[ -e $name ]]; then note "$name exists"; else note "$name does not exist"; fi; done
}

# blank FILE SIZE makes FILE a hole of SIZE bytes (or grows it), SIZE as in truncate(1).
blank() { truncate -s "$2" -- "$1"; }

# pattern FILE OFFSET LENGTH BYTE writes LENGTH times BYTE (a number) at OFFSET, keeping the rest.
pattern() {
  local octal
  octal=$(printf '%03o' "$4")
  head -c "$3" /dev/zero | tr '\0' "\\$octal" |
    dd of="$1" bs=64K seek="$2" oflag=seek_bytes iflag=fullblock conv=notrunc status=none
}

# noise FILE OFFSET LENGTH writes bytes at OFFSET that look random and are always the same.
# They are a linear congruence, so they compress badly enough for every codec.
noise() {
  LC_ALL=C awk -v n="$3" 'BEGIN { x = 12345; for (i = 0; i < n; i++) {
      x = (x * 1103515245 + 12345) % 2147483648; printf "%c", 1 + int(x / 65536) % 127 } }' |
    dd of="$1" bs=64K seek="$2" oflag=seek_bytes iflag=fullblock conv=notrunc status=none
}

# bytes FILE OFFSET HEX... overwrites FILE at OFFSET with the given hexadecimal bytes.
bytes() {
  local file=$1 offset=$2 hex
  shift 2
  hex=$(printf '%s' "$@")
  # shellcheck disable=SC2059  # the format is the bytes
  printf "$(sed 's/../\\x&/g' <<<"$hex")" |
    dd of="$file" bs=64K seek="$offset" oflag=seek_bytes conv=notrunc status=none
}

# number FILE OFFSET LENGTH prints the big-endian number that stands there.
number() {
  printf '%d\n' "0x$(od -An -v -tx1 -j "$2" -N "$3" -- "$1" | tr -d ' \n')"
}

# make_chain makes the images base, mid and top, one over the other, and what top reads as: before.raw. Needs qemu-io.
make_chain() {
  rm -f base mid top
  qemu-img create -q -f qcow2 base 1M
  qemu-io -f qcow2 -c "write -P 1 0 256k" base >/dev/null
  qemu-img create -q -f qcow2 -b base -F qcow2 mid
  qemu-io -f qcow2 -c "write -P 2 64k 64k" mid >/dev/null
  qemu-img create -q -f qcow2 -b mid -F qcow2 top
  qemu-io -f qcow2 -c "write -P 3 128k 64k" -c "write -z 0 64k" -c "discard 192k 64k" top >/dev/null
  qemu-img convert -f qcow2 -O raw top before.raw
}

# chain_state tells whether top reads as before, what top and mid hold, and whether all three are whole.
chain_state() {
  same before.raw raw top qcow2
  allocation qcow2 top
  allocation qcow2 mid
  for image in base mid top; do show qemu-img check -q -f qcow2 $image; done
}

# make_bases makes top over base, base2 that holds some of the same, and what top reads as: before.raw. Needs qemu-io.
make_bases() {
  qemu-img create -q -f qcow2 base 1M
  qemu-io -f qcow2 -c "write -P 1 0 256k" base >/dev/null
  qemu-img create -q -f qcow2 -b base -F qcow2 top
  qemu-io -f qcow2 -c "write -P 2 64k 64k" top >/dev/null
  qemu-img create -q -f qcow2 base2 1M
  qemu-io -f qcow2 -c "write -P 1 0 128k" base2 >/dev/null
  qemu-img convert -f qcow2 -O raw top before.raw
}

# base_state tells whether top reads as before, what is below it and what it holds.
base_state() {
  same before.raw raw top qcow2
  qemu-img info top | grep backing | sed "s/^/= /"
  allocation qcow2 top
}

# without_override CMD ARGS... runs CMD so that file modes bind it, even when the tests run as root.
without_override() {
  if (($(id -u) == 0)); then
    setpriv --bounding-set=-dac_override,-dac_read_search "$@"
  else
    "$@"
  fi
}

# hold FILE [OPTIONS...] keeps FILE open in a qemu-io process (writable unless -r is given), and
# returns once it is open; `release` closes it. Cases that use it say `# needs: qemu-io`.
hold() {
  local seen=
  coproc HOLDER { exec qemu-io "${@:2}" -- "$1" 2>&1; }
  IFS= read -r -t 10 -d '>' seen <&"${HOLDER[0]}" || note "could not hold $1: $seen"
}

# release lets go of what `hold` keeps open and waits until it is closed.
release() {
  local pid=$HOLDER_PID
  printf 'quit\n' >&"${HOLDER[1]}"
  wait "$pid" || note "holder ended with $?"
}

# Whatever a case leaves running ends with it.
trap 'jobs -p | xargs -r kill 2>/dev/null' EXIT
