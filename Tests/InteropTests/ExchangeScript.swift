// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The steps that images of every format with tables go through between us and `qemu-img`: functions of a shell, to stand
/// before a test's script.
enum ExchangeScript {
  static let functions = """
    # alike PROGRAM IMAGE: both tell the same of the image and of where its data is.
    alike() {
      diff <(qemu-img info "$2") <("$1" info "$2")
      diff <(qemu-img map --output=json "$2") <("$1" map --output=json "$2" | sed 's/, "compressed": false//')
    }
    # known PROGRAM FORMAT IMAGE: an image of theirs is sound, and has what disk.raw has.
    known() {
      "$1" check -q "$3"
      "$1" compare -q -f raw -F "$2" disk.raw "$3"
    }
    # changed PROGRAM FORMAT IMAGE LENGTH: written by us, by them and grown by us, it is sound to both each time.
    changed() {
      "$1" convert -n -f raw -O "$2" other.raw "$3"
      qemu-img check -q "$3"
      qemu-img compare -q -f raw -F "$2" other.raw "$3"
      qemu-io -f "$2" -c 'write -q -P 7 0 512' "$3" > /dev/null
      "$1" check -q "$3"
      "$1" resize -q -f "$2" "$3" +100M
      qemu-img check -q "$3"
      qemu-io -f "$2" -c 'read -P 7 0 512' -c "read -P 0 $4 100M" "$3" | grep -c 'Pattern verification' || true
    }
    # made PROGRAM FORMAT OPTIONS IMAGE: an image of ours is sound to both, and has what disk.raw has.
    made() {
      "$1" convert -f raw -O "$2" -o "$3" disk.raw "$4"
      qemu-img check -q "$4"
      "$1" check -q "$4"
      qemu-img compare -q -f raw -F "$2" disk.raw "$4"
    }
    set -e

    """
}
