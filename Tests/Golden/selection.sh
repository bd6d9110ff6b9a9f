# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# For `record` and `verify`: which cases are meant.

golden=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# selected [CASE...] prints the path of each case named (as a path, as `create/sizes` or as a command
# such as `create`), or of all cases.
selected() {
  local name
  if (($# == 0)); then
    find "$golden/cases" -name '*.sh' | LC_ALL=C sort
    return
  fi
  for name; do
    if [[ -d $golden/cases/$name ]]; then
      find "$golden/cases/$name" -name '*.sh' | LC_ALL=C sort
    elif [[ -f $golden/cases/${name%.sh}.sh ]]; then
      echo "$golden/cases/${name%.sh}.sh"
    elif [[ -f $name ]]; then
      realpath -- "$name"
    else
      echo "no case '$name'" >&2
      return 1
    fi
  done
}

# beyond_peer CASE.sh tells whether the expected transcript deliberately differs from the peer's.
beyond_peer() { grep -q '^# beyond the peer: ' "$1"; }
