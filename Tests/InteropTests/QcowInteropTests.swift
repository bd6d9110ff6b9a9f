// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// qcow images that we make are read by `qemu-img` and other programs, and theirs by us.
@Suite struct QcowInteropTests {
  /// Lengths in bytes: less than a cluster, some that end inside one, and more than a table maps.
  static let lengths: [UInt64] = [512, 1 << 20, 7 << 20 | 1536]
  /// Options of `convert`.
  static let options = ["-O qcow", "-c -O qcow", "-O qcow -o preallocation=full"]
  /// `libqcow IMAGE RAW [PASSWORD]`: what Python's pyqcow reads of an image is what RAW has.
  static let libqcow = """
    libqcow() {
      /usr/bin/python3 - "$@" <<'END'
    import pyqcow, sys
    image = pyqcow.file()
    if len(sys.argv) > 3: image.set_password(sys.argv[3])
    image.open(sys.argv[1])
    with open(sys.argv[2], 'rb') as raw:
        while True:
            wanted = raw.read(1 << 16)
            if not wanted: break
            if image.read(len(wanted)) != wanted: sys.exit('libqcow reads something else')
    END
    }

    """

  @Test("ours, read by qemu-img, libqcow and 7-Zip", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      QcowInteropTests.libqcow + """
        set -e
        "$1" convert -f raw $2 disk.raw image.qcow
        "$1" check -q image.qcow
        qemu-img compare -q -f raw -F qcow disk.raw image.qcow
        libqcow image.qcow disk.raw
        [[ $2 == -c* ]] || 7zz e -so -tQCOW image.qcow 2>/dev/null | cmp - disk.raw
        diff <(qemu-img info image.qcow) <("$1" info image.qcow)
        diff <(qemu-img map --output=json image.qcow) <("$1" map --output=json image.qcow | sed 's/, "compressed": [a-z]*//')
        """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("theirs, read, written and checked by us, and read by them again", arguments: options, lengths)
  func theirsIsOurs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 12)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 13)
    let outcome = Shell.run(
      QcowInteropTests.libqcow + """
        set -e
        # It says that it failed when it compressed.
        qemu-img convert -f raw $2 disk.raw image.qcow || [[ $2 == -c* ]]
        "$1" check -q image.qcow
        "$1" compare -q -f raw -F qcow disk.raw image.qcow
        diff <(qemu-img info image.qcow) <("$1" info image.qcow)
        diff <(qemu-img map --output=json image.qcow) <("$1" map --output=json image.qcow | sed 's/, "compressed": [a-z]*//')
        "$1" convert -n -f raw -O qcow other.raw image.qcow
        qemu-img compare -q -f raw -F qcow other.raw image.qcow
        "$1" check -q -r leaks image.qcow > /dev/null
        qemu-img compare -q -f raw -F qcow other.raw image.qcow
        qemu-io -f qcow -c 'write -q -P 7 0 512' image.qcow > /dev/null
        "$1" resize -q -f qcow image.qcow +100M
        qemu-io -f qcow -c 'read -P 7 0 512' -c "read -P 0 $3 100M" image.qcow | grep -c 'Pattern verification' || true
        qemu-io -f qcow -c 'write -q -P 8 90M 100k' image.qcow
        "$1" convert -O raw image.qcow grown.raw
        libqcow image.qcow grown.raw
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test("chains of both, committed, rebased and compressed")
  func chains() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("base.raw"), length: 3 << 20, seed: 14)
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f qcow -b base.raw -F raw ours.qcow 5M
      qemu-img create -q -f qcow -b base.raw -F raw theirs.qcow 5M
      cmp ours.qcow theirs.qcow
      for image in ours theirs; do
        qemu-io -f qcow -c 'write -q -P 5 1M 70000' -c 'write -q -z 2M 128k' $image.qcow
      done
      "$1" compare -q ours.qcow theirs.qcow
      diff <(qemu-img map --output=json ours.qcow) <("$1" map --output=json ours.qcow | sed 's/, "compressed": false//')
      qemu-img convert -O raw theirs.qcow wanted.raw
      "$1" create -q -f qcow2 -b ours.qcow -F qcow top.qcow2
      qemu-img compare -q top.qcow2 wanted.raw
      "$1" convert -c -O qcow -B base.raw -F raw ours.qcow small.qcow
      qemu-img compare -q small.qcow wanted.raw
      "$1" rebase -q -b '' theirs.qcow
      "$1" check -q theirs.qcow
      qemu-img compare -q theirs.qcow wanted.raw
      cp base.raw copy.raw
      "$1" rebase -q -u -b copy.raw -F raw small.qcow
      qemu-img info small.qcow | grep -o 'backing file: copy.raw'
      qemu-img compare -q small.qcow wanted.raw
      "$1" commit -q small.qcow
      qemu-img compare -q -f raw -F raw copy.raw wanted.raw
      # The name that was given later stays where it is, behind what is empty now.
      "$1" check -q small.qcow || [[ $? = 3 ]]
      qemu-img compare -q small.qcow wanted.raw
      "$1" commit -q ours.qcow
      qemu-img compare -q -F raw ours.qcow wanted.raw
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "backing file: copy.raw\n"))
  }

  /// Passwords: shorter than a key, as long, longer, and none that is ASCII.
  @Test(
    "encrypted images", arguments: ["a", "sixteen letters.", "more than sixteen letters", "schlüssel", ""])
  func encrypted(_ password: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 3 << 20 | 1536, seed: 16)
    let outcome = Shell.run(
      QcowInteropTests.libqcow + """
        set -e
        secret=(--object "secret,id=s,data=$2")
        image() { echo "driver=qcow,file.filename=$1,encrypt.key-secret=s"; }
        "$1" convert "${secret[@]}" -f raw -O qcow -o encrypt.format=aes,encrypt.key-secret=s disk.raw ours.qcow
        qemu-img convert "${secret[@]}" -f raw -O qcow -o encryption=on,encrypt.key-secret=s disk.raw theirs.qcow 2>/dev/null
        for name in ours theirs; do
          "$1" check -q "${secret[@]}" --image-opts "$(image $name.qcow)"
          qemu-img compare -q "${secret[@]}" --image-opts driver=raw,file.filename=disk.raw "$(image $name.qcow)"
          "$1" compare -q "${secret[@]}" --image-opts driver=raw,file.filename=disk.raw "$(image $name.qcow)"
          # It knows passwords of ASCII alone, and none that is longer than a key.
          [[ ! $2 =~ ^[a-z.\\ ]{1,16}$ ]] || libqcow $name.qcow disk.raw "$2"
          diff <(qemu-img info $name.qcow) <("$1" info $name.qcow)
        done
        "$1" resize -q "${secret[@]}" --image-opts "$(image theirs.qcow)" +1M
        qemu-io "${secret[@]}" --image-opts "$(image theirs.qcow)" -c 'write -q -P 9 1000 3000' -c 'read -q -P 0 3147264 1M'
        "$1" convert -n "${secret[@]}" -f raw --target-image-opts disk.raw "$(image ours.qcow)"
        qemu-img compare -q "${secret[@]}" --image-opts driver=raw,file.filename=disk.raw "$(image ours.qcow)"
        """, Programs.strata, password, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("an empty image takes next to nothing and no time, however long its disk is")
  func huge() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      for size in 64T 600T; do
        timeout 2 "$1" create -q -f qcow image.qcow $size
        [[ $(stat -c %b image.qcow) -le 128 ]]
        for verb in info map check 'measure -O qcow2' inspect; do timeout 2 "$1" $verb image.qcow > /dev/null; done
      done
      qemu-img info image.qcow | grep -o '600 TiB'
      qemu-io -f qcow -c 'write -q -P 3 500T 64k' image.qcow
      "$1" map image.qcow | wc -l
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "600 TiB\n2\n"))
  }

  @Test("a program that is killed leaves an image with leaks at worst", arguments: 1...3)
  func killed(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 32 << 20, seed: seed)
    let outcome = Shell.run(
      """
      "$1" create -q -f qcow image.qcow 32M
      "$1" convert -n -f raw -O qcow disk.raw image.qcow & pid=$!
      sleep 0.0$2
      kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
      "$1" check -q image.qcow 2>/dev/null; [[ $? = [03] ]] || echo broken
      qemu-io -f qcow -c 'write -q 0 512' image.qcow
      "$1" check -q -r all image.qcow > /dev/null || echo "not mended"
      "$1" check -q image.qcow || echo unsound
      """, Programs.strata, "\(seed)", folder: folder.path)
    #expect(outcome.output == "")
  }
}
