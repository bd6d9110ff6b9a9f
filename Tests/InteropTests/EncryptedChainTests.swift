// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Chains some of whose layers are encrypted: whatever is done to them, they read as before, by the word of the peer.
@Suite struct EncryptedChainTests {
  /// How each layer is stored, from the bottom up: plain, with LUKS, or with the old AES.
  static let patterns = ["plll", "ppll", "lllp", "aaaa"]

  /// Words for scripts: `image LAYER` is the name of a layer with the secrets of the whole chain below it.
  private static let prelude = """
    set -e
    S='--object secret,id=k,data=hunter2'
    method() { case ${pattern:$1:1} in l) echo luks ;; a) echo aes ;; esac; }
    image() {
      local layer=$1 at= name=driver=qcow2,file.filename=${2-}$1
      while [ "$layer" -ge 0 ]; do
        [ -z "$(method "$layer")" ] || name+=,${at}encrypt.key-secret=k
        at+=backing. layer=$((layer - 1))
      done
      echo "$name"
    }
    top() {
      local name=driver=qcow2,file.filename=${1-}3
      [ -z "$(method 3)" ] || name+=,encrypt.key-secret=k
      echo "$name"
    }
    make() {
      local options=cluster_size=4k
      case $(method "$1") in
        luks) options+=,encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=1 ;;
        aes) options+=,encrypt.format=aes,encrypt.key-secret=k ;;
      esac
      if [ "$1" = 0 ]; then strata create -q -f qcow2 $S -o $options 0 "$2"
      else strata create -q -f qcow2 $S -o $options -u -b $(($1 - 1)) -F qcow2 "$1" "$2"; fi
    }
    io() { local layer=$1; shift; qemu-io $S --image-opts "$@" "$(image "$layer")" >/dev/null; }

    """

  /// Layers 0…3 of different sizes, `other`, which has part of it, and `before`, what the top reads as.
  private static func chain(_ folder: TemporaryFolder, _ pattern: String) -> Shell.Outcome {
    run(
      """
      make 0 1200k; io 0 -c 'write -P 1 0 300k' -c 'write -P 2 700k 200k'
      make 1 1600k; io 1 -c 'write -P 3 100k 50k' -c 'write -z 800k 30k' -c 'write -P 4 1300k 101k'
      make 2 1500k; io 2 -c 'write -P 5 140k 3k' -c 'write -P 6 1M 77k'
      make 3 1800k; io 3 -c 'write -P 7 20k 1k' -c 'write -z 200k 40k' -c 'write -P 8 1700k 99k'
      qemu-img convert $S --image-opts "$(image 3)" -O raw before
      qemu-img create -q -f qcow2 other 1M
      qemu-io -f qcow2 -c 'write -P 1 0 300k' -c 'write -P 9 600k 200k' other >/dev/null
      """, pattern, in: folder)
  }

  private static func run(_ script: String, _ pattern: String, in folder: TemporaryFolder) -> Shell.Outcome {
    Shell.run(
      "strata() { \"$program\" \"$@\"; }; program=$1 pattern=$2\n" + prelude + script, Programs.strata,
      pattern, folder: folder.path)
  }

  /// What is done to the top.
  static let operations = [
    "commit", "commit -d", "commit -b 0", "commit -b 1", "rebase -b other -F qcow2",
    "rebase -b before -F raw",
    "rebase -b ''",
  ]

  @Test("C-04 committed and rebased, the image reads as before", arguments: patterns, operations)
  func sameContent(_ pattern: String, _ operation: String) {
    let folder = TemporaryFolder()
    #expect(EncryptedChainTests.chain(folder, pattern) == Shell.Outcome(status: 0, output: ""))
    let after = operation.hasPrefix("rebase") ? "top" : "image 3"
    let outcome = EncryptedChainTests.run(
      """
      mkdir peer; cp 0 1 2 3 peer
      strata \(operation) $S --image-opts "$(image 3)" >/dev/null
      for layer in 0 1 2; do qemu-img check -q $S --image-opts "$(image $layer)"; done
      qemu-img check -q $S --image-opts "$(\(after))"
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "$(\(after))"
      strata compare -q $S --image-opts driver=raw,file.filename=before "$(\(after))"
      # Where images are named by options, the peer finds neither a layer nor a relative name.
      case "\(operation)" in commit|'commit -d')
        (cd peer; qemu-img \(operation) $S --image-opts "$(image 3)" >/dev/null)
        for layer in 0 1 2; do
          qemu-img compare -q $S --image-opts "$(image $layer)" "$(image $layer peer/)" || echo "$layer differs"
        done ;;
      esac
      """, pattern, in: folder)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("a change of length keeps what is in front of it, and what is new reads as zero", arguments: patterns)
  func resize(_ pattern: String) {
    let folder = TemporaryFolder()
    #expect(EncryptedChainTests.chain(folder, pattern) == Shell.Outcome(status: 0, output: ""))
    let outcome = EncryptedChainTests.run(
      """
      strata resize -q $S --image-opts "$(image 3)" 2500k
      truncate -s 2500k before
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "$(image 3)"
      ! strata resize -q $S --image-opts "$(image 3)" 1000001 2>/dev/null
      strata resize -q --shrink $S --image-opts "$(image 3)" 1024000
      truncate -s 1024000 before
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "$(image 3)"
      strata resize -q $S --image-opts "$(image 3)" 3M
      truncate -s 3M before
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "$(image 3)"
      strata resize -q --preallocation=full $S --image-opts "$(image 3)" 3500k
      truncate -s 3500k before
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "$(image 3)"
      strata compare -q $S --image-opts driver=raw,file.filename=before "$(image 3)"
      qemu-img check -q $S --image-opts "$(image 3)"
      # Written by the peer where it is new.
      io 3 -c 'write -q -P 5 3200k 3000' -c 'write -q -P 6 900k 200k'
      strata convert $S --image-opts "$(image 3)" -O raw after
      qemu-img compare -q $S --image-opts driver=raw,file.filename=after "$(image 3)"
      """, pattern, in: folder)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("snapshots of ours are the peer's, and the other way round", arguments: patterns)
  func snapshots(_ pattern: String) {
    let folder = TemporaryFolder()
    #expect(EncryptedChainTests.chain(folder, pattern) == Shell.Outcome(status: 0, output: ""))
    let outcome = EncryptedChainTests.run(
      """
      read_it() { "$1" convert $S --image-opts "$(image 3)" -O raw "$2"; }
      strata snapshot -q $S --image-opts -c ours "$(image 3)"
      io 3 -c 'write -q -P 11 0 500k' -c 'write -q -z 1300k 300k'
      qemu-img convert $S --image-opts "$(image 3)" -O raw second
      qemu-img snapshot -q $S --image-opts -c theirs "$(image 3)"
      io 3 -c 'write -q -P 12 250k 500k'
      qemu-img convert $S --image-opts "$(image 3)" -l ours -O raw back; cmp before back
      strata convert $S --image-opts "$(image 3)" -l ours -O raw back; cmp before back
      strata convert $S --image-opts "$(image 3)" -l theirs -O raw back; cmp second back
      qemu-img check -q $S --image-opts "$(image 3)"
      strata snapshot -q $S --image-opts -a theirs "$(image 3)"
      read_it qemu-img back; cmp second back
      qemu-img snapshot -q $S --image-opts -a ours "$(image 3)"
      read_it strata back; cmp before back
      strata snapshot -q $S --image-opts -d theirs "$(image 3)"
      qemu-img snapshot -q $S --image-opts -d ours "$(image 3)"
      strata check -q $S --image-opts "$(image 3)"; qemu-img check -q $S --image-opts "$(image 3)"
      read_it strata back; cmp before back
      """, pattern, in: folder)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "a whole chain becomes one image, encrypted or not", arguments: patterns,
    ["raw", "luks", "encrypt.format=luks", "encrypt.format=aes"])
  func convert(_ pattern: String, _ target: String) {
    let folder = TemporaryFolder()
    #expect(EncryptedChainTests.chain(folder, pattern) == Shell.Outcome(status: 0, output: ""))
    let outcome = EncryptedChainTests.run(
      """
      case \(target) in
        raw) strata convert $S --image-opts "$(image 3)" -O raw out; cmp before out; exit ;;
        luks) options=-Oluks,-okey-secret=k,iter-time=1 name=driver=luks,key-secret=k ;;
        encrypt.format=luks) options=-Oqcow2,-o\(target),encrypt.key-secret=k,encrypt.iter-time=1 ;;
        encrypt.format=aes) options=-Oqcow2,-o\(target),encrypt.key-secret=k ;;
      esac
      strata convert $S --image-opts "$(image 3)" "${options%%,*}" "${options#*,}" out
      qemu-img compare -q $S --image-opts driver=raw,file.filename=before "${name-driver=qcow2,encrypt.key-secret=k},file.filename=out"
      strata compare -q $S --image-opts driver=raw,file.filename=before "${name-driver=qcow2,encrypt.key-secret=k},file.filename=out"
      """, pattern, in: folder)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
