// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Random chains, committed and rebased by us and by the peer: all read the same, by the word of both.
@Suite struct ChainInteropTests {
  static let options = [
    "cluster_size=512", "cluster_size=64k", "compat=0.10", "extended_l2=on", "lazy_refcounts=on",
    "cluster_size=2M",
  ]

  /// Layers 0…3 of different sizes, with data, zeros and discarded ranges; `other`, which has part of it.
  private static func chain(_ folder: TemporaryFolder, _ options: String, seed: UInt64) -> Shell.Outcome {
    var numbers = SeededNumbers(seed: seed)
    var script = "set -e\n"
    for layer in 0..<4 {
      let length = UInt64.random(in: 4...8, using: &numbers) * 300 << 10
      let backing = layer == 0 ? "" : "-b \(layer - 1) -F qcow2"
      script += "qemu-img create -q -f qcow2 -o \(options) \(backing) \(layer) \(length)\n"
      var commands = ""
      for _ in 0..<6 {
        let count = UInt64.random(in: 1...200, using: &numbers) << 10
        let offset = UInt64.random(in: 0..<(length - count) / 512, using: &numbers) * 512
        let what = ["write -P \(UInt64.random(in: 1...9, using: &numbers))", "write -z", "discard"]
        commands += " -c '\(what[Int.random(in: 0..<6, using: &numbers) % 3]) \(offset) \(count)'"
      }
      script += "qemu-io -f qcow2 \(commands) \(layer) >/dev/null\n"
    }
    script += """
      qemu-img convert -f qcow2 -O qcow2 1 other
      qemu-io -f qcow2 -c 'write -P 7 300k 300k' -c 'write -z 700k 100k' other >/dev/null
      qemu-img convert -f qcow2 -O raw 3 before
      """
    return Shell.run(script, folder: folder.path)
  }

  static let operations = [
    "commit 3", "commit -d 3", "commit -b 0 3", "commit -b 1 3", "rebase -b 1 -F qcow2 3",
    "rebase -b other -F qcow2 3", "rebase -b '' 3", "rebase -b before -F raw 3",
    "rebase -c -b other -F qcow2 3", "rebase -c -b '' 3",
  ]

  @Test("C-04 whatever is committed or rebased, the image reads as before", arguments: options, operations)
  func sameContent(_ options: String, _ operation: String) throws {
    let folder = TemporaryFolder()
    let seed = UInt64(options.utf8.count * 31 + operation.utf8.count)
    let made = ChainInteropTests.chain(folder, options, seed: seed)
    #expect(made == Shell.Outcome(status: 0, output: ""))
    let outcome = Shell.run(
      """
      set -e
      mkdir peer; cp 0 1 2 3 other before peer
      "$1" \(operation) >/dev/null
      (cd peer; qemu-img \(operation.replacing(" -c ", with: " ")) >/dev/null)
      for image in 0 1 2 3; do qemu-img check -q $image; "$1" check -q $image; done
      qemu-img compare -q -f raw -F qcow2 before 3
      "$1" compare -q -f raw -F qcow2 before 3
      for image in 0 1 2; do
        qemu-img compare -q -f qcow2 -F qcow2 $image peer/$image || cmp -s peer/$image $image || echo "$image differs"
      done
      qemu-img info 3 | grep '^backing' | sort >ours; qemu-img info peer/3 | grep '^backing' | sed 's/ (actual.*//' | sort >theirs
      diff ours theirs
      \(operation.contains(" -c ") && options != "cluster_size=2M" ? "\"$1\" map --output=json 3 | grep -q '\"compressed\": true'" : "")
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "C-04 an image that stood on nothing goes on reading as zero over its first backing file",
    arguments: ["", "-c"], options)
  func firstBacking(_ how: String, _ options: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 other 3M; qemu-io -f qcow2 -c 'write -q -P 7 0 1M' -c 'write -q -P 7 2M 1M' other
      qemu-img create -q -f qcow2 -o $2 top 2500k
      qemu-io -f qcow2 -c 'write -q -P 1 100k 3k' -c 'write -q -z 200k 100k' -c 'write -q -P 1 2M 256k' -c 'discard -q 2M 128k' top
      qemu-img convert -f qcow2 -O raw top before
      "$1" rebase \(how) -b other -F qcow2 top
      qemu-img check -q top; qemu-img compare -q -f raw -F qcow2 before top
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "C-04 no more of a cluster is stored than the peer stores",
    arguments: ["rebase -b 0 -F qcow2 2", "rebase -b '' 2", "commit -q 2"])
  func subclusters(_ operation: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 -o cluster_size=1M,extended_l2=on 0 4M
      qemu-io -c 'write -q -P 3 2M 1M' 0
      for layer in 1 2; do
        qemu-img create -q -f qcow2 -o cluster_size=1M,extended_l2=on -b $((layer - 1)) -F qcow2 $layer
      done
      qemu-io -c 'write -q -P 1 32k 32k' -c 'write -q -P 2 960k 32k' -c 'write -q -P 4 2112k 64k' 1
      qemu-io -c 'write -q -P 5 1184k 32k' -c 'write -q -z 2560k 32k' 2
      qemu-img convert -O raw 2 before
      mkdir peer; cp 0 1 2 peer
      "$1" \(operation); (cd peer; qemu-img \(operation))
      for image in 0 1 2; do qemu-img check -q $image; done
      qemu-img compare -q before 2
      image=\(operation.hasPrefix("commit") ? 1 : 2)
      stored() {
        qemu-img map --output=json $1 | sed -n '/"depth": 0.*"data": true/s/.*"length": \\([0-9]*\\).*/\\1/p' | awk '{ sum += $1 } END { print sum + 0 }'
      }
      [ $(stored $image) -le $(stored peer/$image) ] || echo "$(stored $image), not $(stored peer/$image)"
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "C-04 blocks that are stored in part hold what differs, and not what lies around",
    arguments: ["vpc", "vhdx"])
  func partialBlocks(_ format: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f $2 base 8M
      "$1" create -q -f $2 -b base -F $2 middle
      printf 'some bytes' >bytes; truncate -s 4k bytes
      "$1" dd -q -f raw -O $2 bs=4k seek=250 conv=notrunc if=bytes of=middle
      "$1" create -q -f $2 -b middle -F $2 top
      "$1" convert -O raw top before
      "$1" rebase -b base -F $2 top
      "$1" check -q top
      "$1" compare -q before top
      "$1" map --output=json top | grep '"depth": 0' | grep '"data": true' | sed 's/.*"length": \\([0-9]*\\).*/\\1/'
      """, Programs.strata, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "4096\n"))
  }

  @Test(
    "several things done in turn, by us and by the peer, leave the same behind", arguments: options, 0..<4)
  func sequence(_ options: String, _ seed: Int) throws {
    let folder = TemporaryFolder()
    var numbers = SeededNumbers(seed: UInt64(seed * 100 + options.utf8.count))
    let made = ChainInteropTests.chain(folder, options, seed: numbers.next())
    #expect(made == Shell.Outcome(status: 0, output: ""))
    let choices = [
      "resize 3 +300k", "resize 3 -300k", "resize --shrink 3 -200k", "commit 3", "commit -d 3",
      "commit -b 1 -d 3",
      "snapshot -c one 3", "snapshot -c two 3", "snapshot -a one 3", "snapshot -d one 3",
      "rebase -b 1 -F qcow2 3",
      "rebase -b other -F qcow2 3", "rebase -u -b 2 -F qcow2 3", "WRITE", "WRITE",
    ]
    var script = "mkdir peer; cp 0 1 2 3 other peer\n"
    for step in 0..<8 {
      var choice = choices[Int.random(in: 0..<choices.count, using: &numbers)]
      if choice == "WRITE" {
        let offset = Int.random(in: 0...800, using: &numbers) * 1024
        script +=
          "for i in 3 peer/3; do qemu-io -f qcow2 -c 'write -P \(step + 20) \(offset) 70k' $i >/dev/null; done\n"
        continue
      }
      if choice.hasPrefix("commit") { choice = choice.replacing("commit", with: "commit -q") }
      script += """
        "$1" \(choice) >/dev/null 2>&1; ours=$?
        (cd peer; qemu-img \(choice) >/dev/null 2>&1); [ $? = $ours ] || echo "\(choice): $ours"
        for i in 3 other; do
          qemu-img compare -q -f qcow2 -F qcow2 -s $i peer/$i >/dev/null 2>&1 || qemu-img compare -f qcow2 -F qcow2 $i peer/$i >said \
            || { echo "\(choice): $i"; cat said; }
          grep -s Warning said
        done

        """
    }
    script += """
      for i in 0 1 2 3; do qemu-img check -q -f qcow2 $i || echo "$i is damaged"; done
      for i in . peer; do qemu-img snapshot -l $i/3 | awk '{print $1, $2, $3}' >$i/snapshots; done
      cmp snapshots peer/snapshots
      """
    let outcome = Shell.run(script, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(script)")
  }
}
