// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

/// Disks that we make are read by the peers and theirs by us.
@Suite struct LuksInteropTests {
  /// Every cipher that the peer reads: of keys that do not fill whole sectors it fails itself.
  static let options: [String] = {
    var options = ["", "hash-alg=sha1", "hash-alg=sha512", "hash-alg=ripemd160", "hash-alg=md5"]
    let algorithms = [
      "aes-128", "aes-256", "serpent-128", "serpent-256", "twofish-128", "twofish-256", "cast5-128",
    ]
    for algorithm in algorithms {
      for mode in ["ecb", "cbc", "ctr", "xts"] where algorithm != "cast5-128" || mode != "xts" {
        for generator in ["plain", "plain64", "essiv"] where algorithm != "cast5-128" || generator != "essiv"
        {
          options.append("cipher-alg=\(algorithm),cipher-mode=\(mode),ivgen-alg=\(generator)")
        }
      }
    }
    options += ["aes-192", "serpent-192"].map { "cipher-alg=\($0)" }
    // The hash function of an IV generator that does not use one, as OpenStack has it, and others for the one that does.
    options += ["plain", "plain64"].map { "ivgen-alg=\($0),ivgen-hash-alg=sha256" }
    options += ["aes-256", "serpent-256"].map {
      "cipher-alg=\($0),cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=md5"
    }
    return options
  }()

  /// The peer measures its processor's time and fails, now and then, where it sees none pass; then it is asked again.
  static let prelude = """
    set -e
    S='--object secret,id=a,data=alpha --object secret,id=b,data=beta'
    image() { echo "driver=luks,file.filename=$1,key-secret=${2:-a}"; }
    again() {
      for attempt in {1..40}; do "$@",${ITER-}iter-time=60 >log 2>&1 && return; done
      cat log
      return 1
    }

    """

  private static func run(_ script: String, _ arguments: String..., in folder: TemporaryFolder) {
    let outcome = Shell.run(prelude + script, arguments: arguments, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("ours, read, opened and written by the peers", arguments: options)
  func oursIsTheirs(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 256 << 10 | 1536, seed: 1)
    try LuksSession.make(folder.file("image"), options, from: folder.file("disk.raw"))
    LuksInteropTests.run(
      """
      qemu-img convert $S --image-opts "$(image image)" -O raw back.raw
      cmp disk.raw back.raw
      [ "$1" = hash-alg=md5 ] || cryptsetup isLuks --type luks1 image
      qemu-img info image | grep -E '^    (ivgen|hash|cipher)' >theirs
      "$STRATA_PROGRAM" info image | grep -E '^    (ivgen|hash|cipher)' | diff theirs -
      qemu-io $S --image-opts "$(image image)" -c 'write -q -P 90 5k 70k' >log
      qemu-io -f raw disk.raw -c 'write -q -P 90 5k 70k' >log
      """, options, in: folder)
    try LuksSession.extract(folder.file("image"), to: folder.file("own.raw"))
    LuksInteropTests.run("cmp disk.raw own.raw", in: folder)
  }

  /// What cryptsetup writes without the kernel's device mapper, and the length of its key in bits.
  static let others = [
    "aes-xts-plain64 512", "aes-xts-plain64be 512", "aes-xts-essiv:sha256 512", "aes-cbc-plain 256",
    "aes-cbc-null 256", "aes-cbc-plain64be 256", "aes-cbc-benbi 256", "aes-cbc-essiv:sha256 192",
    "aes-cbc-plain64 192", "aes-ecb 256", "aes-ctr-plain64 256", "aes-ctr-null 128",
  ]

  @Test("keys of cryptsetup's ciphers, opened and made by both", arguments: others, [1, 2])
  func ciphersOfCryptsetup(_ cipher: String, _ version: Int) throws {
    let folder = TemporaryFolder()
    let words = cipher.split(separator: " ").map(String.init)
    LuksInteropTests.run(
      """
      truncate -s 20M image
      printf alpha >alpha
      cryptsetup luksFormat -q --type luks$3 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 -c $1 -s $2 image alpha
      """, words[0], words[1], "\(version)", in: folder)
    let session = try LuksSession(folder.file("image"), writable: true)
    try session.user.edge?.write(at: 4096, [UInt8](repeating: 9, count: 8192))
    #expect(session.node.capabilities == [] && session.file.capabilities.contains(.nativeZeroes))
    try session.amend(["state": "active", "new-secret": "b"])
    try session.close()
    LuksInteropTests.run(
      "printf beta | cryptsetup open --test-passphrase --key-file - image", in: folder)
    let again = try LuksSession(folder.file("image"), secret: "b")
    #expect(try again.user.edge?.array(at: 4096, count: 8192) == [UInt8](repeating: 9, count: 8192))
    try again.close()
  }

  /// The peer takes seconds for each.
  static let slowOptions = [
    "", "cipher-alg=serpent-256,cipher-mode=cbc,ivgen-alg=essiv",
    "ivgen-alg=plain,ivgen-hash-alg=sha256,hash-alg=sha1",
    "cipher-alg=aes-192", "cipher-alg=cast5-128,cipher-mode=ctr",
  ]

  @Test("theirs, read by us", arguments: slowOptions)
  func theirsIsOurs(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 1536, seed: 2)
    LuksInteropTests.run(
      """
      again qemu-img convert $S -O luks disk.raw image -o "key-secret=a${1:+,$1}"
      """, options, in: folder)
    try LuksSession.extract(folder.file("image"), to: folder.file("back.raw"))
    LuksInteropTests.run("cmp disk.raw back.raw", in: folder)
  }

  @Test("a cipher that none of the libraries has is refused by name")
  func lacking() throws {
    let folder = TemporaryFolder()
    LuksInteropTests.run(
      "again qemu-img create -q -f luks $S image 1M -o key-secret=a,cipher-alg=twofish-192", in: folder)
    let message = "Algorithm 'twofish' with key size 24 bytes in mode 'xts' not supported"
    let error = #expect(throws: BlockError.self) { _ = try LuksSession(folder.file("image")) }
    #expect(error?.kind == .unsupported && error?.message == message)
    // What there is of it can be told without the cipher.
    let session = try LuksSession(folder.file("image"), secret: nil, flags: .noIO)
    #expect(session.node.length == 1 << 20)
    try session.close()
    let refusal = #expect(throws: BlockError.self) {
      try LuksSession.make(folder.file("new"), "cipher-alg=twofish-192")
    }
    #expect(refusal?.message == message)
  }

  @Test("version 2 of ours, opened by cryptsetup and, once it made version 1 of it, read by qemu-img")
  func version2() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 1536, seed: 3)
    try LuksSession.make(folder.file("image"), "version=2,pbkdf=pbkdf2", from: folder.file("disk.raw"))
    LuksInteropTests.run(
      """
      cryptsetup isLuks --type luks2 image
      printf alpha | cryptsetup open --test-passphrase --key-file - image
      cryptsetup convert -q --type luks1 image
      qemu-img convert $S --image-opts "$(image image)" -O raw back.raw
      cmp disk.raw back.raw
      """, in: folder)
  }

  @Test(
    "version 2 of cryptsetup, written and read by us, keys changed by both",
    arguments: ["pbkdf2 512", "pbkdf2 4096", "argon2id 512", "argon2id 4096", "argon2i 2048"])
  func version2Theirs(_ kind: String) throws {
    let folder = TemporaryFolder()
    let words = kind.split(separator: " ").map(String.init)
    LuksInteropTests.run(
      """
      truncate -s 20M image
      case $1 in pbkdf2) cost='--pbkdf-force-iterations 1000';;
        *) cost='--pbkdf-force-iterations 4 --pbkdf-memory 64';; esac
      printf alpha >alpha; printf beta >beta; printf gamma >gamma
      cryptsetup luksFormat -q --type luks2 --pbkdf $1 $cost --sector-size $2 image alpha
      cryptsetup luksAddKey -q --pbkdf $1 $cost --key-file alpha image beta
      """, words[0], words[1], in: folder)
    let noise = Array("0123456789abcdef".utf8)
    let data = (0..<8192).map { noise[$0 % 16] &+ UInt8($0 / 512) }
    let session = try LuksSession(folder.file("image"), secret: "b", writable: true)
    #expect(session.node.length == 4 << 20)
    try session.user.edge?.write(at: 4096 * 3, data)
    try session.user.edge?.flush()
    try session.amend(["state": "active", "new-secret": "c"])
    try session.amend(["state": "inactive", "old-secret": "a"])
    try session.close()
    LuksInteropTests.run(
      """
      cryptsetup open --test-passphrase --key-file gamma image
      cryptsetup open --test-passphrase --key-file beta image
      ! cryptsetup open --test-passphrase --key-file alpha image 2>/dev/null
      cryptsetup luksKillSlot -q --key-file gamma image 1
      ! cryptsetup open --test-passphrase --key-file beta image 2>/dev/null
      """, in: folder)
    let again = try LuksSession(folder.file("image"), secret: "c")
    #expect(try again.user.edge?.array(at: 4096 * 3, count: 8192) == data)
    try again.close()
    #expect {
      _ = try LuksSession(folder.file("image"), secret: "b")
    } throws: {
      ($0 as? BlockError)?.message == "Invalid password, cannot unlock any keyslot"
    }
  }

  @Test("keys of version 1, changed by both")
  func keys() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 4)
    try LuksSession.make(folder.file("image"), from: folder.file("disk.raw"))
    let session = try LuksSession(folder.file("image"))
    try session.amend(["state": "active", "new-secret": "b"])
    try session.amend(["state": "active", "new-secret": "b", "keyslot": 6])
    try session.close()
    LuksInteropTests.run(
      """
      qemu-img convert $S --image-opts "$(image image b)" -O raw back.raw
      cmp disk.raw back.raw
      qemu-img amend $S --image-opts "$(image image b)" -o state=inactive,old-secret=a
      again qemu-img amend $S --image-opts "$(image image b)" -o state=active,new-secret=a,keyslot=4
      printf alpha | cryptsetup luksAddKey -q --pbkdf-force-iterations 1000 --key-slot 7 --key-file - image <(printf gamma)
      qemu-img amend $S --image-opts "$(image image)" -o state=inactive,old-secret=b
      """, in: folder)
    let again = try LuksSession(folder.file("image"), secret: "c")
    try again.close()
    try LuksSession.extract(folder.file("image"), to: folder.file("own.raw"))
    LuksInteropTests.run("cmp disk.raw own.raw", in: folder)
  }
}
