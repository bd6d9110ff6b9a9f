// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
import Host
import Support
import Testing

@testable import Commands

@Suite struct AdviceTests {
  static let cases: [(words: String, hint: String)] = [
    ("strata conver", "Did you mean 'convert'?"), ("strata help snaphsot", "Did you mean 'snapshot'?"),
    ("strata info --backing-chian x", "Did you mean '--backing-chain'?"),
    ("strata info --o=json x", "It could mean '--output' or '--object'."),
    ("strata formats qcow22", "Did you mean 'qcow2'?"),
    ("strata info --object secret,id=x,data=y -f frob x", "'formats' lists the formats."),
    ("strata info -f qcow22 x", "Did you mean 'qcow2'? 'formats' lists the formats."),
    ("strata create -f qcwo2 x 1M", "Did you mean 'qcow2'? 'formats' lists the formats."),
    (
      "strata create -f qcow2 -o cluster_sze=1k x 1M",
      "Did you mean 'cluster_size'? '-o help' lists the options of the format."
    ), ("strata create -f raw -o frob=1 x 1M", "'-o help' lists the options of the format."),
  ]

  @Test("a mistake is followed by what was probably meant", arguments: cases)
  func hints(_ words: String, _ hint: String) {
    let run = Transcript(words.split(separator: " ").map(String.init))
    #expect(run.status == 1)
    #expect(run.errors.contains("strata: hint: \(hint)\n"), "\(run.errors)")
  }

  @Test("an image that is raw in spite of its name is worth a hint, one that is asked for is not")
  func misnamed() {
    let images = ExampleImages()
    let (qcow2, other) = (images.folder.file("new.qcow2"), images.folder.file("new.img"))
    let hint = "strata: hint: '\(qcow2)' is raw, whatever its name says; '-"
    for (words, isTold) in [
      (["create", qcow2, "1M"], true), (["create", "-f", "raw", qcow2, "1M"], false),
      (["create", other, "1M"], false), (["convert", images.raw, qcow2], true),
      (["convert", "-O", "raw", images.raw, qcow2], false), (["convert", images.raw, other], false),
    ] {
      let run = Transcript(["strata"] + words)
      #expect(run.status == 0 && run.errors.hasPrefix(hint) == isTold, "\(words) \(run.errors)")
      #expect(!Transcript(["qemu-img"] + words).errors.contains("hint"))
    }
  }

  @Test("a link to a command knows its version")
  func version() {
    for option in ["--version", "-V"] {
      #expect(Transcript(["strata-info", option]).output == Transcript(["strata", "--version"]).output)
    }
  }

  @Test("every command suggests the nearest option", arguments: DeclarationTests.names)
  func nearest(_ command: String) {
    for (wrong, right) in [("--untrsuted", "--untrusted"), ("--quite", "--quiet"), ("--helpp", "--help")] {
      let run = Transcript(["strata", command, wrong])
      #expect(
        run.status == 1 && run.errors.contains("strata: hint: Did you mean '\(right)'?\n"), "\(run.errors)")
    }
  }

  static let advice: [(words: String, part: String)] = [
    ("map gone.qcow2", "rebase -u -b NEW -F raw gone.qcow2'"),
    ("map -f frob TOP", "'formats' lists"),
    ("info -f qcow2 RAW", "'inspect RAW'"), ("create -f qcow2 -b BASE new", "with -F"),
    ("convert -O qcow2 -b BASE RAW new", "with -F"), ("convert -O frob RAW new", "'formats' lists"),
    ("snapshot -a nosuch BASE", "'snapshot -l BASE'"),
    ("snapshot -d nosuch BASE", "'snapshot -l BASE'"), ("convert -l nosuch BASE new", "'snapshot -l BASE'"),
    ("rebase -b nowhere -F raw TOP", "relative to the folder of the image"),
    ("info --untrusted RAW", "-f raw"), ("map --untrusted TOP", "'inspect TOP'"),
    ("create -f luks new 1M", "--object secret"), ("create -f luks -o key-secret=k new 1M", "id=k,file="),
    ("dd -f raw if=RAW of=RAW", "name another target"), ("checksum -a frob RAW", "sha256"),
    ("bitmap --add -f raw RAW one", "format raw keeps no bitmaps; 'convert -O qcow2 RAW NEW'"),
    ("bitmap --remove -f raw RAW one", "format raw keeps no bitmaps"),
    ("bitmap --merge two -b RAW -F raw BASE one", "'info BASE'"),
    ("bitmap --remove BASE one", "'info BASE' lists the bitmaps"),
    ("amend -o cluster_size=4096 BASE", "'convert -O qcow2 -o …' makes"),
    ("resize -f raw --preallocation=metadata RAW 2M", "one of off, falloc, full"),
    ("resize --preallocation=frob BASE 8M", "one of off, metadata, falloc, full"),
    ("create -f vpc -o preallocation=metadata new 1M", "one of off, falloc, full"),
    ("measure -O ova RAW", "raw, qcow2"), ("snapshot -a one -f raw RAW", "keeps no snapshots"),
    ("snapshot -d one -f raw RAW", "keeps no snapshots"),
    ("rebase -b BASE -F qcow2 -f raw RAW", "raw stand on no other; 'convert -O qcow2 -B"),
    ("rebase -b BASE TOP", "with -F"), ("rebase -f raw -b BASE RAW", "with -F"),
    ("info --image-opts file=BASE", "file.filename=BASE"),
    ("info --disk 1 BASE", "appliances"), ("bench -t frob BASE", "writethrough"),
    ("bench -i frob BASE", "io_uring"), ("commit -b TOP TOP", "the image itself"),
    ("commit -b RAW TOP", "'info --backing-chain TOP'"),
  ]

  @Test("errors with a next step are followed by it, and never by two", arguments: advice)
  func texts(_ words: String, _ part: String) throws {
    let images = ExampleImages()
    let names = [
      "TOP": images.top, "BASE": images.base, "RAW": images.raw, "new": images.folder.file("new"),
      "gone.qcow2": images.folder.file("gone.qcow2"),
    ]
    _ = images.run(
      "create", "-q", "-f", "qcow2", "-u", "-b", "nowhere", "-F", "raw", images.folder.file("gone.qcow2"),
      "1M")
    var part = part
    for (name, path) in names { part = part.replacing(name, with: path) }
    var line = ["strata"]
    for word in words.split(separator: " ").map(String.init) {
      var word = word
      for (name, path) in names where word == name || word.hasSuffix("=" + name) {
        word = word.dropLast(name.count) + path
      }
      line.append(word)
    }
    let run = Transcript(line)
    #expect(run.status > 0)
    let hints = run.errors.split(separator: "\n").filter { $0.hasPrefix("strata: hint: ") }
    #expect(hints.count == 1 && hints.first?.contains(part) == true, "\(run.errors)")
    let standIn = Transcript(["qemu-img"] + line.dropFirst())
    #expect(!standIn.errors.contains("hint") && !standIn.errors.contains("Held by"))
  }

  @Test("a disk of an appliance is chosen by what the command has, and by a name that every command takes")
  func disks() throws {
    let images = ExampleImages()
    let appliance = images.folder.file("two.ova")
    #expect(images.run("convert", "-q", "-O", "ova", images.base, images.raw, appliance).status == 0)
    for (words, hasOption) in [
      (["map"], true), (["compare", images.base], true), (["snapshot", "-l"], false), (["graph"], false),
      (["checksum"], true),
    ] {
      let hint = Transcript(["strata"] + words + [appliance]).errors.split(separator: "\n").first {
        $0.hasPrefix("strata: hint: Choose one")
      }
      #expect(hint?.contains("--disk") == hasOption, "\(words) \(hint ?? "")")
      let name = try #require(hint?.split(separator: "'").first { $0.hasPrefix("json:") })
      let run = Transcript(["strata"] + words + [String(name)])
      #expect(words[0] == "compare" || run.status == 0, "\(words) \(run.errors)")
    }
  }

  @Test("without a terminal, the key that is missing is named with its options")
  func keys() {
    let images = ExampleImages()
    let outcome = Shell.run(
      """
      set -e
      printf alpha > a
      secret=(--object secret,id=a,file=a --key-secret a)
      "$1" create -q -f luks --object secret,id=a,file=a -o key-secret=a,iter-time=10 image 1M
      set +e
      setsid -w "$1" luks add-key image
      setsid -w "$1" luks add-key "${secret[@]}" image
      setsid -w "$1" luks erase-key "${secret[@]}" image
      """, arguments: [Programs.strata], folder: images.folder.path)
    #expect(
      outcome.output == """
        strata: There is no terminal to ask for the passphrase of the image on
        strata: hint: One of --key-file, --key-fd and --key-secret gives it.
        strata: There is no terminal to ask for the new passphrase on
        strata: hint: One of --new-key-file, --new-key-fd and --new-key-secret gives it.
        strata: There is no terminal to ask for the passphrase to erase on
        strata: hint: One of --old-key-file, --old-key-fd and --old-key-secret gives it. --key-slot erases what is in a slot.

        """)
  }

  static let system: [(number: Int32, part: String?)] = [
    (ENOSPC, "measure"), (EACCES, "owner"), (EPERM, nil), (EIO, nil),
  ]

  @Test("what the system refuses", arguments: system)
  func refusal(_ number: Int32, _ part: String?) {
    let advice = BlockError(system: number).prefixed("Could not open 'x'").advice?.text(about: nil)
    #expect(part.map { advice?.contains($0) == true } ?? (advice == nil))
  }
}
