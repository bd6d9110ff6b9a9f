// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
import Host
import Options
import Support
import Testing

@testable import Commands

/// A folder with a chain of two images, a raw disk, and broken ones.
private struct Images {
  let folder = TemporaryFolder()
  var base: String { folder.file("base.qcow2") }
  var top: String { folder.file("top.qcow2") }
  var raw: String { folder.file("disk.raw") }

  init() {
    _ = Transcript(["strata", "create", "-q", "-f", "qcow2", base, "4M"])
    _ = Transcript(["strata", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top])
    _ = Transcript(["strata", "create", "-q", raw, "1M"])
  }

  func run(_ words: String...) -> Transcript { Transcript(["strata"] + words) }

  /// Writes bytes over a copy of the base.
  func patched(_ name: String, _ commands: String) -> String {
    let path = folder.file(name)
    _ = Shell.run("cp \"$1\" \"$2\"; f=$2; " + commands, base, path)
    return path
  }
}

/// The one object that a run printed on one line.
private func object(_ run: Transcript) throws -> OptionObject {
  #expect(run.output.hasSuffix("}\n") && run.output.split(separator: "\n").count == 1)
  return try #require(try JSONParser.parse(run.output).object)
}

@Suite struct ResultReportTests {
  @Test("commands without JSON of their own tell their result in one object")
  func results() throws {
    let images = Images()
    let made = try object(images.run("create", "--output=json", images.folder.file("new.raw"), "2M"))
    #expect(made["schema-version"]?.unsigned == 1 && made["command"] == "create")
    #expect(made["exit-status"]?.unsigned == 0 && made["error"] == nil)
    #expect(made["result"]?.object?["virtual-size"]?.unsigned == 2 << 20)
    let same = try object(images.run("compare", "--output", "json", images.base, images.top))
    #expect(same["result"]?.object?["identical"] == true)
    let run = images.run("compare", "--output=json", "-s", images.base, images.raw)
    #expect(run.status == 1)
    #expect(try object(run)["result"]?.object?["sizes-differ"] == true)
    let resized = try object(images.run("resize", "--output=json", "-f", "raw", images.raw, "+1M"))
    #expect(resized["result"]?.object?["old-virtual-size"]?.unsigned == 1 << 20)
    #expect(resized["messages"] == ["Image resized."])
    let others = Images()
    _ = images.run("snapshot", "-c", "s", others.base)
    let list = try object(images.run("snapshot", "--output=json", others.base))
    #expect(list["result"]?.object?["snapshots"]?.array?.first?.object?["name"] == "s")
  }

  static let failures: [(words: [String], status: Int32, kind: String, file: String?)] = [
    (["info", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["map", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["check", "--output=json", "-f", "raw", "/dev/null"], 63, "invalid-argument", "/dev/null"),
    (["check", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["compare", "--output=json", "/nowhere/x", "y"], 2, "not-found", "/nowhere/x"),
    (["create", "--output=json", "-o", ",x", "a", "1M"], 1, "invalid-argument", "a"),
    (["convert", "--output=json", "a"], 1, "invalid-argument", "a"),
    (["inspect", "--output=json", "/nowhere/x"], 2, "not-found", "/nowhere/x"),
    (["create", "--output=json", "--frob"], 1, "invalid-argument", nil),
    (["resize", "--output=json", "-f", "raw", "/nowhere/x", "1M"], 1, "not-found", "/nowhere/x"),
  ]

  @Test("a failure is told as an object, and on standard error", arguments: failures)
  func failure(_ words: [String], _ status: Int32, _ kind: String, _ file: String?) throws {
    let run = Transcript(["strata"] + words)
    #expect(run.status == status && run.errors.hasPrefix("strata: "))
    let report = try object(run)
    let error = try #require(report["error"]?.object)
    #expect(report["command"]?.string == words[0] && report["exit-status"]?.unsigned == UInt64(status))
    #expect(report["result"] == nil)
    #expect(error["kind"]?.string == kind && error["file"]?.string == file)
    let message = try #require(error["message"]?.string)
    #expect(run.errors.contains(message.split(separator: "\n").first ?? "?"))
  }

  @Test("an error about a layer below names that layer, and what to do")
  func layer() throws {
    let images = Images()
    _ = Shell.run("rm \"$1\"", images.base)
    let error = try #require(try object(images.run("map", "--output=json", images.top))["error"]?.object)
    #expect(error["hint"]?.string?.contains("rebase -u -b") == true)
    #expect(error["message"]?.string?.contains("Could not open backing file") == true)
  }

  @Test("called as the peer, nothing is added to what the peer prints")
  func standIn() {
    let run = Transcript(["qemu-img", "info", "--output=json", "/nowhere/x"])
    #expect(run.output.isEmpty)
    #expect(Transcript(["qemu-img", "creat"]).errors.contains("hint") == false)
    #expect(Transcript(["strata", "creat"]).errors.contains("strata: hint: Did you mean 'create'?\n"))
  }
}

@Suite struct AdviceTests {
  static let cases: [(words: String, hint: String)] = [
    ("strata conver", "Did you mean 'convert'?"), ("strata help snaphsot", "Did you mean 'snapshot'?"),
    ("strata info --backing-chian x", "Did you mean '--backing-chain'?"),
    ("strata info --o=json x", "It could mean '--output' or '--object'."),
    ("strata formats qcow", "Did you mean 'qcow2'?"),
    ("strata info --object secret,id=x,data=y -f frob x", "'formats' lists the formats."),
    ("strata info -f qcow x", "Did you mean 'qcow2'? 'formats' lists the formats."),
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
    let images = Images()
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
    ("map gone.qcow2", "rebase -u -b NEW"),
    ("map -f frob TOP", "'formats' lists"),
    ("info -f qcow2 RAW", "inspect"), ("create -f qcow2 -b BASE new", "with -F"),
    ("convert -O qcow2 -b BASE RAW new", "with -F"), ("convert -O frob RAW new", "'formats' lists"),
    ("snapshot -a nosuch BASE", "snapshot -l"), ("snapshot -d nosuch BASE", "snapshot -l"),
    ("rebase -b nowhere -F raw TOP", "relative to the folder of the image"),
    ("info --untrusted RAW", "-f raw"), ("map --untrusted TOP", "inspect"),
    ("create -f luks new 1M", "--object secret"), ("create -f luks -o key-secret=k new 1M", "id=k,file="),
    ("dd -f raw if=RAW of=RAW", "in another role"), ("checksum -a frob RAW", "sha256"),
  ]

  @Test("errors with a next step are followed by it, and never by two", arguments: advice)
  func texts(_ words: String, _ part: String) throws {
    let images = Images()
    let names = [
      "TOP": images.top, "BASE": images.base, "RAW": images.raw, "new": images.folder.file("new"),
      "gone.qcow2": images.folder.file("gone.qcow2"),
    ]
    _ = images.run(
      "create", "-q", "-f", "qcow2", "-u", "-b", "nowhere", "-F", "raw", images.folder.file("gone.qcow2"),
      "1M")
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

  static let system: [(number: Int32, part: String?)] = [
    (ENOSPC, "measure"), (EACCES, "owner"), (EPERM, nil), (EIO, nil),
  ]

  @Test("what the system refuses", arguments: system)
  func refusal(_ number: Int32, _ part: String?) {
    let advice = BlockError(system: number).prefixed("Could not open 'x'").advice
    #expect(part.map { advice?.contains($0) == true } ?? (advice == nil))
  }
}

@Suite struct UntrustedTests {
  @Test("no name found in an image is followed", arguments: ["map", "convert", "compare", "info"])
  func closed(_ command: String) {
    let images = Images()
    let target = images.folder.file("out.raw")
    let words: [String: [String]] = [
      "map": [images.top], "convert": [images.top, target],
      "compare": [images.top, images.base], "info": ["--backing-chain", images.top],
    ]
    let open = Transcript(["strata", command] + (words[command] ?? []))
    #expect(open.status == 0, "\(open.errors)")
    let closed = Transcript(["strata", command, "--untrusted"] + (words[command] ?? []))
    #expect(closed.status > 0)
    #expect(closed.errors.contains("names the backing file '\(images.base)', which is not followed"))
  }

  @Test("an overlay is checked by itself")
  func check() {
    let images = Images()
    let run = images.run("check", "--untrusted", images.top)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
  }

  @Test(
    "tables that take too much memory are refused before it is taken", arguments: ["info", "map", "check"])
  func budget(_ command: String) {
    let images = Images()
    // 32 MiB of L1 entries, 8 MiB of refcount table and 65 535 snapshots are each inside the format's limits.
    let path = images.patched(
      "large",
      "printf '\\0\\100\\0\\0' | dd of=$f bs=1 seek=36 conv=notrunc status=none;"
        + "printf '\\0\\0\\0\\200' | dd of=$f bs=1 seek=56 conv=notrunc status=none;"
        + "printf '\\0\\0\\377\\377' | dd of=$f bs=1 seek=60 conv=notrunc status=none")
    let run = images.run(command, "--untrusted", path)
    #expect(run.status == 1)
    #expect(run.errors.contains("bytes of memory, more than the 67108864 that are allowed"), "\(run.errors)")
    #expect(!images.run(command, path).errors.contains("bytes of memory"))
  }

  @Test("snapshots count with what they take, names and all", arguments: ["info", "map", "snapshot -l"])
  func snapshotBudget(_ command: String) throws {
    let images = Images()
    // By number neither is too many; names of 1000 bytes make the difference.
    for (name, count, isRefused) in [("many", 60_000, true), ("few", 40_000, false)] {
      let path = images.patched(
        name,
        """
        { head -c 12 /dev/zero; printf '\\0\\2\\3\\350'; head -c 20 /dev/zero; printf '\\0\\0\\0\\30'
          head -c 24 /dev/zero; printf 'id'; head -c 1000 /dev/zero | tr '\\0' n; head -c 6 /dev/zero; } >"$f.entry"
        for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$f.entry" "$f.entry" >"$f.two"; mv "$f.two" "$f.entry"; done
        for _ in $(seq 60); do cat "$f.entry"; done | head -c $((1072 * \(count))) |
          dd of=$f bs=1M seek=16 conv=notrunc status=none
        printf "$(printf '\\\\x%02x' 0 0 \(count >> 8) \(count & 255) 0 0 0 0 1 0 0 0)" |
          dd of=$f bs=1 seek=60 conv=notrunc status=none
        """)
      let words = command.split(separator: " ").map(String.init)
      let run = Transcript(["strata"] + words + ["--untrusted", path])
      #expect(run.errors.contains("bytes of memory, more than the 67108864 that are allowed") == isRefused)
      #expect((run.status == 0) != isRefused, "\(run.errors)")
    }
  }

  @Test("no image is taken for raw by guessing")
  func raw() {
    let images = Images()
    #expect(images.run("info", images.raw).status == 0)
    #expect(images.run("info", "--untrusted", images.raw).errors.contains("is not guessed raw"))
    #expect(images.run("info", "--untrusted", "-f", "raw", images.raw).status == 0)
    #expect(images.run("info", "--untrusted", images.top).status == 0)
  }
}

@Suite struct InspectTests {
  private func findings(_ images: Images, _ words: String...) throws -> (status: Int32, text: String) {
    let run = Transcript(["strata", "inspect"] + words)
    let json = Transcript(["strata", "inspect", "--output=json"] + words)
    #expect(json.status == run.status)
    let tree = try #require(try JSONParser.parse(json.output).object)
    for finding in tree["findings"]?.array ?? [] {
      #expect(run.output.contains(finding.object?["message"]?.string ?? "?"))
    }
    #expect(run.output.contains("verdict: \(tree["verdict"]?.string ?? "?")\n"))
    return (run.status, run.output)
  }

  @Test("an image by itself is safe, one that names others is not")
  func references() throws {
    let images = Images()
    #expect(try findings(images, images.base).status == 0)
    #expect(try findings(images, images.raw).status == 0)
    let top = try findings(images, images.top)
    #expect(top.status == 1 && top.text.contains("it names the backing file '\(images.base)' (qcow2)"))
    let stated = try findings(images, "-f", "raw", images.base)
    #expect(stated.status == 1 && stated.text.contains("stated as raw, but it looks like qcow2"))
  }

  static let patches: [(name: String, commands: String, status: Int32, text: String)] = [
    (
      "polyglot", "printf CD001 | dd of=$f bs=1 seek=32769 conv=notrunc", 1,
      "besides qcow2 it can be taken for iso9660"
    ),
    ("footer", "printf conectix >> $f; truncate -s +504 $f", 1, "several formats: qcow2, vpc"),
    (
      "incompatible", "printf '\\x80' | dd of=$f bs=1 seek=72 conv=notrunc", 1,
      "unknown incompatible feature bit 63"
    ),
    (
      "compatible", "printf '\\x80' | dd of=$f bs=1 seek=80 conv=notrunc", 0,
      "unknown compatible feature bit 63"
    ),
    ("table", "printf '\\x10' | dd of=$f bs=1 seek=43 conv=notrunc", 1, "past the end"),
    ("version", "printf '\\x09' | dd of=$f bs=1 seek=7 conv=notrunc", 2, "Unsupported qcow2 version 9"),
    ("huge", "printf '\\x01' | dd of=$f bs=1 seek=25 conv=notrunc", 1, "too small"),
    ("encrypted", "printf '\\x02' | dd of=$f bs=1 seek=35 conv=notrunc", 0, "encryption: luks"),
    (
      "foreign", "printf KDMV | dd of=$f bs=1 conv=notrunc", 2,
      "the format vmdk is not one that this program reads"
    ),
    ("script", "printf '#!/bin/sh' | dd of=$f bs=1 conv=notrunc", 1, "it can be taken for script"),
  ]

  @Test("what a header holds is judged", arguments: patches)
  func headers(_ name: String, _ commands: String, _ status: Int32, _ text: String) throws {
    let images = Images()
    let result = try findings(images, images.patched(name, commands))
    #expect(result.status == status, "\(result.text)")
    #expect(result.text.contains(text), "\(result.text)")
  }

  static let luks: [(name: String, commands: String, status: Int32, text: String)] = [
    ("good", "true", 0, "keys in slots 0 of 8"),
    ("version", "printf '\\0\\3' | dd of=$f bs=1 seek=6 conv=notrunc", 1, "LUKS version 3 is not supported"),
    ("cipher", "printf 'frob\\0' | dd of=$f bs=1 seek=8 conv=notrunc", 1, "frob"),
    ("cost", "printf '\\177' | dd of=$f bs=1 seek=212 conv=notrunc", 1, "iteration count"),
    ("payload", "printf '\\177' | dd of=$f bs=1 seek=104 conv=notrunc", 1, "past the end of the file"),
    ("overlap", "printf '\\0\\0\\0\\10' | dd of=$f bs=1 seek=104 conv=notrunc", 1, "slot 0"),
    ("cut", "truncate -s 100 $f", 1, "unsafe"),
    ("polyglot", "printf conectix >> $f; truncate -s +504 $f", 1, "several formats: luks, vpc"),
  ]

  @Test("what a LUKS header holds is judged", arguments: luks)
  func encrypted(_ name: String, _ commands: String, _ status: Int32, _ text: String) throws {
    let images = Images()
    let path = images.folder.file("disk.luks")
    let made = images.run(
      "create", "-q", "-f", "luks", "--object", "secret,id=k,data=x", "-o", "key-secret=k,iter-time=10", path,
      "1M")
    try #require(made.status == 0, "\(made.errors)")
    _ = Shell.run("f=$1; " + commands, path)
    let result = try findings(images, path)
    #expect(result.status == status && result.text.contains(text), "\(result.text)")
    #expect(result.text.contains("encryption: luks\n"))
  }

  @Test("a raw disk with partitions is fine, also when it is said to be raw")
  func partitions() throws {
    let images = Images()
    _ = Shell.run(
      "printf '\\125\\252' | dd of=$1 bs=1 seek=510 conv=notrunc; printf 'EFI PART' | dd of=$1 bs=1 seek=512 "
        + "conv=notrunc", images.raw)
    #expect(try findings(images, images.raw).status == 0)
    #expect(try findings(images, "-f", "raw", images.raw).status == 0)
  }

  @Test("what is no file is not opened")
  func kinds() {
    let folder = TemporaryFolder()
    _ = Shell.run("mkfifo \"$1\"", folder.file("fifo"))
    for path in [folder.file("fifo"), folder.path, "/dev/zero"] {
      let run = Transcript(["strata", "inspect", path])
      #expect(run.status == 2 && run.errors.contains("is neither a file nor a block device"))
    }
  }
}

@Suite struct PictureTests {
  @Test("a map as rows and as a drawing")
  func map() {
    let images = Images()
    _ = Shell.run("printf x | dd of=\"$1\" bs=1 seek=524288 conv=notrunc", images.raw)
    let bar = images.run("map", "-f", "raw", "--output=text-bar", images.raw)
    // New raw files start with a block of real zeros.
    let half = "#" + String(repeating: "0", count: 31)
    let row = half + half
    #expect(bar.output.hasPrefix("  0 [\(row)] \(images.raw)\n"), "\(bar.output)")
    let chain = images.run("map", "--output=text-bar", images.top).output
    #expect(chain.split(separator: "\n").count == 3 && chain.contains("  1 [") && chain.contains(images.base))
    let svg = images.run("map", "--output=svg", images.top).output
    #expect(svg.hasPrefix("<svg xmlns=") && svg.hasSuffix("</svg>\n") && svg.contains(images.base))
  }

  @Test("an empty disk, and a part beyond the end, are drawn, too")
  func empty() {
    #expect(Transcript(["strata", "map", "--output=text-bar", "/dev/null"]).status == 0)
    let images = Images()
    #expect(images.run("map", "--output=svg", "-s", "8M", "-l", "1M", images.base).status == 0)
  }

  @Test("a graph as a drawing, with names that XML would take for its own")
  func graph() {
    let images = Images()
    let odd = images.folder.file("a<b>&c.raw")
    _ = images.run("create", "-q", odd, "1M")
    let svg = images.run("graph", "--output=svg", "-f", "raw", odd).output
    #expect(svg.contains("a&lt;b&gt;&amp;c.raw") && !svg.contains("a<b>"))
    #expect(images.run("graph", "--output=svg", images.top).output.contains("backing: "))
  }
}

@Suite struct ProgressFormTests {
  @Test("progress for programs: an object a line")
  func json() throws {
    var picture = ProgressPicture(phase: "convert", done: 1 << 20, total: 4 << 20, seconds: 2)
    #expect(
      picture.json
        == #"{"phase": "convert", "bytes-done": 1048576, "bytes-total": 4194304, "rate": 524288, "seconds-left": 6}"#
    )
    #expect(
      picture.bar.contains("]  25%") && picture.bar.contains("512 KiB/s")
        && picture.bar.contains("00:06 left"))
    picture.isComplete = true
    #expect(picture.bar.contains("] 100%") && picture.bar.contains("00:00 left"))
    let start = ProgressPicture(phase: "x", done: 0, total: 0, seconds: 0)
    #expect(start.json.contains(#""rate": null, "seconds-left": null"#) && start.bar.contains("--:-- left"))
  }

  @Test(
    "-p and a form together are the form", arguments: [["-p", "--progress=bar"], ["--progress=bar", "-p"]])
  func both(_ words: [String]) {
    let images = Images()
    let outcome = Shell.run(
      "\"$1\" convert $2 $3 -O qcow2 \"$4\" \"$4.new\"", Programs.strata, words[0], words[1], images.base)
    #expect(outcome.status == 0 && outcome.output.contains("] 100%"), "\(outcome.output)")
  }

  @Test("it is written to the descriptor that is named")
  func descriptor() {
    let images = Images()
    let outcome = Shell.run(
      "\"$1\" convert --progress=json:7 -O qcow2 \"$2\" \"$2.new\" 7> \"$2.log\" && tail -n 1 \"$2.log\"",
      Programs.strata, images.base)
    #expect(
      outcome.output.hasPrefix(#"{"phase": "convert", "bytes-done": "#)
        && outcome.output.contains(#""seconds-left": 0}"#))
  }

  @Test("other forms are refused", arguments: ["xml", "json:", "json:x", "json:-1", "json:999"])
  func refused(_ form: String) {
    let run = Transcript(["strata", "convert", "--progress=\(form)", "a", "b"])
    #expect(run.status == 1 && run.errors.contains("--progress"))
  }
}

@Suite struct CompleterTests {
  static let options: [(command: String, option: String, value: String)] = {
    var list: [(String, String, String)] = []
    for command in Program.commands {
      for option in CommandDescription(of: command).options {
        if let value = option.value { list.append((command.name, option.long.first ?? "", value)) }
      }
    }
    return list
  }()

  @Test("what every option's value is, completion knows", arguments: options)
  func values(_ command: String, _ option: String, _ value: String) {
    #expect(
      ValueKind(value, of: [option], in: command) != nil,
      "'\(value)' of --\(option) is a new kind of value: add it to ValueKind")
  }

  @Test("every command, and every option of it, is completed")
  func everything() {
    let names = Completer(["strata", ""], at: 1).candidates.entries.map { $0.word }
    #expect(names == Program.commands.map { $0.name })
    for command in Program.commands {
      let description = CommandDescription(of: command)
      let offered = Completer(["strata", command.name, "-"], at: 2).candidates.entries.map { $0.word }
      #expect(offered == description.options.flatMap { $0.spellings })
    }
  }

  static let lines: [(words: String, position: Int, expected: String)] = [
    ("strata create -f qcow2 -o compat=", 5, "compat=1.1 compat=0.10 compat=v3 compat=v2"),
    ("strata create -o pre", 3, "preallocation="), ("strata create -fqc", 2, "-fqcow2"),
    ("strata convert -pOqc", 2, "-pOqcow2"), ("strata convert -f qcow2 -o nocow=", 5, "nocow=on nocow=off"),
    ("strata check -r ", 3, "leaks all"),
    ("strata map --output=", 2, "--output=human --output=json --output=svg --output=text-bar"),
    ("strata resize --preallocation=f", 2, "--preallocation=falloc --preallocation=full"),
    ("strata info --object secret,id=a,form", 3, "secret,id=a,format="),
    ("strata help comp", 2, "compare completion"),
    ("strata completion ", 2, "bash zsh fish"), ("strata resize x ", 3, ""), ("strata frob ", 2, ""),
    ("strata luks he", 2, "header-backup header-restore"),
    ("strata dd i", 2, "if= isize= iflag="), ("strata dd conv=s", 2, "conv=sparse"),
    ("strata dd bs=", 2, ""), ("strata formats ra", 2, "raw"),
    ("strata checksum -a sha3-2", 3, "sha3-256"),
    ("strata create -f luks --object secret,id=k1,file=x -o key-secret=", 7, "key-secret=k1"),
    (
      "strata amend --object secret,id=k1,file=x -f luks -o state=active,new-secret=", 7,
      "state=active,new-secret=k1"
    ),
    ("strata luks dump --object secret,id=k,data=x --key-secret ", 6, "k"),
    ("strata info --object secret,id=a,data=x --object secret,id=b,keyid=", 5, "secret,id=b,keyid=a"),
    ("strata -T x inf", 3, "info"), ("strata-map --start", 1, "--start-offset"),
  ]

  @Test("candidates", arguments: lines)
  func candidates(_ words: String, _ position: Int, _ expected: String) {
    let list = words.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let found = Completer(list, at: position).candidates
    #expect(found.entries.map { $0.word }.joined(separator: " ") == expected)
    #expect(!found.takesFiles)
  }

  @Test("names of bitmaps come from the image that has them")
  func bitmaps() {
    let images = Images()
    _ = images.run("bitmap", "--add", images.base, "since-monday")
    _ = images.run("bitmap", "--add", images.top, "since-sunday")
    func names(_ words: [String]) -> [String] {
      Completer(["strata", "bitmap"] + words, at: words.count + 1).candidates.entries.map { $0.word }
    }
    #expect(names(["--clear", images.base, "since"]) == ["since-monday"])
    #expect(names(["-f", "qcow2", images.base, "--merge", ""]) == ["since-monday"])
    #expect(names(["-b", images.top, images.base, "--merge", ""]) == ["since-sunday"])
    #expect(names(["--merge", "since-sunday", "-b", images.top, images.base, ""]) == ["since-monday"])
    #expect(names(["-f", "raw", images.base, ""]).isEmpty)
  }

  @Test("a broken call answers nothing", arguments: [[], ["x"], ["-1", "strata"], ["99999999999"]])
  func broken(_ words: [String]) { #expect(Completer.answer(words).isEmpty) }
}

@Suite struct SessionTests {
  @Test("J-05 a command that ended, well or not, holds no lock and no file")
  func ends() {
    let images = Images()
    let before = OpenFiles.under(images.folder.path)
    let failures = [
      ["compare", images.base, "/nowhere"], ["map", "--output=frob", images.base],
      ["resize", images.base, "1M"], ["snapshot", "-d", "x", images.base], ["bench", "-c", "1", "-w", "x"],
      ["checksum", "-l", "x", images.base], ["rebase", "-b", "/nowhere", images.top],
    ]
    for words in failures {
      #expect(Transcript(["strata"] + words).status > 0, "\(words)")
      #expect(OpenFiles.under(images.folder.path) == before, "\(words)")
    }
    let successes = [
      ["snapshot", "-l", images.base], ["map", images.top], ["compare", images.top, images.base],
      ["graph", images.top], ["measure", "-O", "qcow2", images.top], ["info", images.top],
      ["checksum", images.top], ["bench", "-q", "-c", "2", images.base],
      ["amend", "-o", "help", images.base],
      ["snapshot", "-c", "s", images.base], ["bitmap", "--add", images.base, "b"],
    ]
    for words in successes {
      #expect(Transcript(["strata"] + words).status == 0, "\(words)")
      #expect(OpenFiles.under(images.folder.path) == before, "\(words)")
    }
  }
}

@Suite struct FormatsTests {
  @Test("formats, for people and for programs")
  func lists() throws {
    let run = Transcript(["strata", "formats", "--output=json"])
    let formats = try #require(try JSONParser.parse(run.output).object?["formats"]?.array)
    let names = formats.compactMap { $0.object?["name"]?.string }
    // Completions offer what files can be; filters stand above images.
    let filters = formats.compactMap { $0.object }.filter { $0["abilities"]?.object?["filter"] == true }
    #expect(filters.compactMap { $0["name"]?.string }.sorted() == ["blkdebug", "copy-on-read"])
    #expect(names.filter { $0 != "blkdebug" && $0 != "copy-on-read" }.sorted() == OptionCandidates.formats)
    let text = Transcript(["strata", "formats"]).output
    for name in names { #expect("\n\(text)".contains("\n\(name)")) }
    let qcow2 = try #require(formats.first { $0.object?["name"] == "qcow2" }?.object)
    #expect(qcow2["abilities"]?.object?["backing"] == true)
    let options = qcow2["create-options"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
    #expect(options.contains("cluster_size") && options.contains("nocow"))
  }
}

@Suite struct SpaceCheckTests {
  @Test("a copy that cannot fit is refused before it starts, unless it is forced")
  func space() {
    let images = Images()
    let source = images.folder.file("large.qcow2")
    let target = images.folder.file("target.raw")
    _ = images.run("create", "-q", "-f", "qcow2", source, "512T")
    let run = images.run("convert", "-O", "qcow2", "-o", "preallocation=falloc", source, target)
    #expect(run.status == 1)
    #expect(run.errors.contains("'\(target)' needs at least 562949953421312 bytes, and its file system has "))
    #expect(run.errors.contains("--force"))
    let sparse = images.run("convert", "-O", "qcow2", source, target)
    #expect(sparse.status == 0, "\(sparse.errors)")
  }
}
