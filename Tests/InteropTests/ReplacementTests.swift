// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Support
import Testing

/// A target that exists keeps what it had besides its content. Needs root: for mounts, and to give files away.
@Suite(.enabled(if: geteuid() == 0)) struct ReplacementTests {
  /// A file that is to be overwritten, called `t/old`.
  struct Target: CustomTestStringConvertible, Sendable {
    var testDescription: String
    /// Makes it.
    var script: String
    var attributes: [(String, [UInt8])] = []
    /// Whether it must stay the same file.
    var isInPlace = false
    /// What stands before the command.
    var prefix = ""
  }

  /// Root without what makes it root, so that permissions count.
  static let powerless = "setpriv --bounding-set=-all --inh-caps=-all --"

  static let targets: [Target] = [
    Target(testDescription: "mode", script: "chmod 604 t/old"),
    Target(testDescription: "owner", script: "chown 12:34 t/old"),
    Target(
      testDescription: "access control list", script: "true",
      attributes: [(ExtendedAttributes.accessList, ExtendedAttributes.closedGroup)]),
    Target(
      testDescription: "attributes and label", script: "true",
      attributes: [
        ("user.note", [1, 0]), ("trusted.note", []), ("security.selinux", Array("u:r:t:s0\0".utf8)),
      ]),
    Target(testDescription: "flags", script: "chattr +A t/old"),
    Target(testDescription: "hard link", script: "ln t/old t/other", isInPlace: true),
    Target(
      testDescription: "bind mount", script: "mv t/old real; touch t/old; mount --bind real t/old",
      isInPlace: true),
    Target(
      testDescription: "symbolic link to a bind mount",
      script: "mv t/old real; touch m; mount --bind real m; ln -s ../m t/old", isInPlace: true),
    Target(testDescription: "closed folder", script: "chmod 555 t", isInPlace: true, prefix: powerless),
    Target(testDescription: "append-only folder", script: "chattr +a t", isInPlace: true),
    Target(
      testDescription: "sticky folder", script: "chown 5 t; chmod 1777 t; chown 7 t/old; chmod 666 t/old",
      isInPlace: true, prefix: powerless),
    Target(
      testDescription: "file of another", script: "chown 7 t/old; chmod 666 t/old", isInPlace: true,
      prefix: powerless),
    Target(
      testDescription: "file of another group", script: "chown 0:7 t/old; chmod 660 t/old", isInPlace: true,
      prefix: powerless),
  ]

  static let commands = [
    "create -q -f qcow2 t/old 1M", "convert -f raw -O qcow2 disk.raw t/old",
    "dd -f raw -O qcow2 bs=64k if=disk.raw of=t/old",
  ]

  @Test("D-04 a target that exists keeps what it had", arguments: targets, commands)
  func kept(_ target: Target, _ command: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 4)
    #expect(
      Shell.run("chmod 755 .; mkdir t; yes old | head -c 100000 >t/old", folder: folder.path).status == 0)
    for (name, value) in target.attributes {
      try #require(ExtendedAttributes.set(name, value, of: folder.file("t/old")))
    }
    let before = ExtendedAttributes.all(of: folder.file("t/old"))
    let outcome = Shell.run(
      """
      exec unshare -m /bin/bash -c '
      set -e
      state() { stat -L -c "%a %u %g %h" t/old; lsattr t/old 2>/dev/null | cut -c 1-22; }
      trap "chattr -a t" EXIT
      \(target.script)
      state >before; stat -L -c %i t/old >inode
      \(target.prefix) "$1" \(command) >said 2>&1 || { cat said; exit 1; }
      state >after; cmp before after
      same=no; [ $(stat -L -c %i t/old) != $(cat inode) ] || same=yes
      grep -q "hint: .* overwritten in place, because" said && told=yes || told=no
      echo "same $same told $told"
      qemu-img check -q t/old
      case "$2" in create*) ;; *) qemu-img compare -q -f raw -F qcow2 disk.raw t/old ;; esac
      cat t/old >image
      ls -A t | grep part || true
      ' "$0" "$@"
      """, Programs.strata, command, folder: folder.path)
    let fate = target.isInPlace ? "yes" : "no"
    #expect(outcome == Shell.Outcome(status: 0, output: "same \(fate) told \(fate)\n"))
    #expect(
      ExtendedAttributes.all(of: folder.file("t/old")) == before || target.testDescription.contains("bind"))
  }

  @Test("D-04 as qemu-img, nothing is said of it")
  func standIn() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      echo old >old; ln old other; ln -s "$1" qemu-img
      ./qemu-img create -q -f qcow2 old 1M && qemu-img check -q other
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "D-04 X-02 what is killed while it fills a file in place leaves nothing that looks like an image",
    arguments: ["raw", "qcow2"])
  func killed(_ format: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f qcow2 disk 8M; qemu-io -f qcow2 -c 'write -q -P 7 0 8M' disk
      qemu-img create -q -f qcow2 old 1M; ln old other
      set +m
      "$1" convert -r 1M -f qcow2 -O "$2" disk old 2>/dev/null & sleep 0.5; kill -KILL $!; wait $! 2>/dev/null
      cmp -n 512 old /dev/zero
      qemu-img info other | grep format
      """, Programs.strata, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "file format: raw\n"))
  }

  @Test(
    "D-04 P-09 what somebody else uses is not emptied to be filled in place", arguments: ["file", "device"])
  func locked(_ place: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f qcow2 old 4M; qemu-io -f qcow2 -c 'write -q -P 7 0 1M' old
      truncate -s 8M old; ln old other; name=$PWD/old
      if [ "$2" = device ]; then name=$(losetup -f --show old) || exit 3; fi
      mkfifo gate; exec 9<>gate; : >said
      qemu-io -f qcow2 "$name" <gate >said 2>&1 9>&- & holder=$!
      until grep -q '>' said; do sleep 0.01; done
      md5sum <$name >before
      head -c 1M /dev/urandom >disk.raw
      "$1" convert -f raw -O qcow2 disk.raw "$name" >out 2>&1; echo $?
      grep -o 'Failed to get "write" lock' out
      md5sum <$name | cmp - before
      kill -9 $holder; wait $holder 2>/dev/null
      [ "$2" = file ] || losetup -d $name
      """, Programs.strata, place, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\nFailed to get \"write\" lock\n"))
  }

  /// A file system on a disk that turns out to be full only when data reaches it.
  @Test(
    "D-05 what cannot be made durable does not replace a good file, nor pass for verified",
    arguments: ["old", "new --verify"])
  func flush(_ how: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      exec unshare -m /bin/bash -c '
      set -e
      mkdir small disk; mount -t tmpfs -o size=6M none small
      truncate -s 64M small/fs; mkfs.ext4 -q -O ^has_journal -E nodiscard small/fs
      mount -o loop,errors=continue small/fs disk
      trap "umount -l $PWD/disk" EXIT
      echo good >disk/old; sync
      head -c 24M /dev/urandom >disk.raw
      set -- "$1" $2
      "$1" convert -f raw -O raw $3 disk.raw disk/$2 2>said && echo "ended well"
      grep -cE "No space left on device|Input/output error" said
      ls disk | grep -v lost; cat disk/old
      ' "$0" "$@"
      """, Programs.strata, how, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\nold\ngood\n"))
  }

  @Test(
    "D-04 where there is room for only one copy, it is said what helps, and it does",
    arguments: ["raw", "qcow2"])
  func room(_ format: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      exec unshare -m /bin/bash -c '
      mkdir small; mount -t tmpfs -o size=10M none small
      head -c 6M /dev/urandom >disk.raw; head -c 6M /dev/urandom >small/old
      [ "$2" = raw ] || qemu-img convert -O $2 disk.raw small/old
      cp small/old before
      for force in "" --force; do
        "$1" convert $force -f raw -O $2 disk.raw small/old 2>&1 | grep -c "remove it first, or fill it in place"
        cmp before small/old
      done
      "$1" convert -n -f raw -O $2 disk.raw small/old && qemu-img compare -q -f raw -F $2 disk.raw small/old && echo filled
      ln small/old small/other
      "$1" convert -f raw -O $2 disk.raw small/old 2>/dev/null && echo in place
      rm small/old small/other
      "$1" convert -f raw -O $2 disk.raw small/old && echo removed
      ' "$0" "$@"
      """, Programs.strata, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n1\nfilled\nin place\nremoved\n"))
  }

  @Test(
    "a copy that may fit where it is not known what a file takes is warned of, not refused",
    arguments: [true, false])
  func guess(isKnown: Bool) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      exec unshare -m /bin/bash -c '
      mkdir small; mount -t tmpfs -o size=3M none small; mkdir small/{upper,work,lower,all}
      mount -t overlay -o lowerdir=small/lower,upperdir=small/upper,workdir=small/work none small/all
      truncate -s 20M disk.raw
      place=small/all; [ "$2" = false ] || place=small
      "$1" convert -S 0 -f raw -O raw disk.raw $place/x 2>&1 | grep -oE "warning: .* needs at least|^strata: .small/x. needs|No space left"
      ls $place' "$0" "$@"
      """, Programs.strata, "\(isKnown)", folder: folder.path)
    let said =
      isKnown
      ? "strata: 'small/x' needs\nall\nlower\nupper\nwork\n"
      : "warning: 'small/all/x' needs at least\nNo space left\n"
    #expect(outcome == Shell.Outcome(status: 0, output: said))
  }

  @Test("D-06 a new file can be published where there is no /proc", arguments: ["", powerless])
  func withoutProc(_ prefix: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      exec unshare -m /bin/bash -c '
      mount -t tmpfs none /proc
      head -c 1M /dev/urandom >disk.raw; echo old >old
      for target in new old; do
        \(prefix) "$1" convert -f raw -O raw disk.raw $target && cmp disk.raw $target && echo $target
      done
      ls -A' "$0" "$@"
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "new\nold\ndisk.raw\nnew\nold\n"))
  }
}
