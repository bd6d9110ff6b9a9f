// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Host
import Support
import Testing

@testable import Commands

@Suite struct ProgramTests {
  struct Case: CustomTestStringConvertible {
    let words: String
    let status: Int32
    let errors: String
    var testDescription: String { words }

    init(_ words: String, _ status: Int32, _ errors: String) {
      self.words = words
      self.status = status
      self.errors = errors
    }
  }

  static let try1 = "\nTry 'strata --help' for more information\n"

  static func tryHelp(of command: String) -> String {
    "\nTry 'strata \(command) --help' for more information\n"
  }

  static let mistakes = [
    Case("strata", 1, "strata: Not enough arguments" + try1),
    Case("strata frob", 1, "strata: Command not found: frob" + try1),
    Case("strata help frob", 1, "strata: Command not found: frob" + try1),
    Case("strata -Z", 1, "strata: unrecognized option '-Z'" + try1),
    Case("strata --trace", 1, "strata: missing argument for option '--trace'" + try1),
    Case("strata -q create a 1M", 1, "strata: unrecognized option '-q'" + try1),
    Case("strata info", 1, "strata: Expecting one image file name" + tryHelp(of: "info")),
    Case("strata info a b", 1, "strata: Expecting one image file name" + tryHelp(of: "info")),
    Case("strata info --frob a", 1, "strata: unrecognized option '--frob'" + tryHelp(of: "info")),
    Case("strata info --output=xml a", 1, "strata: --output must be used with human or json as argument.\n"),
    Case(
      "strata info --image-opts -f raw a", 1, "strata: --image-opts and --format are mutually exclusive\n"),
    Case(
      "strata info -t frob a", 1,
      "strata: Invalid cache option: frob\n"
        + "strata: hint: It is none, writeback, writethrough, directsync or unsafe.\n"),
    Case(
      "strata info --references=all a", 1,
      "strata: --references takes none, local or any, not 'all'" + tryHelp(of: "info")),
    Case(
      "strata info --untrusted --references=local a", 1,
      "strata: --references=local contradicts --untrusted, which implies none" + tryHelp(of: "info")),
    Case(
      "strata convert --progress=frob a b", 1,
      "strata: --progress takes line, bar, json or json:DESCRIPTOR, not 'frob'" + tryHelp(of: "convert")),
    Case(
      "strata map --output=xml a", 1,
      "strata: --output must be used with human, json, svg or text-bar as argument.\n"),
    Case(
      "qemu-img map --output=xml a", 1, "qemu-img: --output must be used with human or json as argument.\n"),
    Case(
      "strata info --object frob,id=x a", 1, "strata: Parameter 'qom-type' does not accept value 'frob'\n"),
    Case("strata info --object secret a", 1, "strata: Parameter 'id' is missing\n"),
    Case("strata info --object secret,id=x a", 1, "strata: Either 'file' or 'data' must be provided\n"),
    Case(
      "strata map -s junk a", 1,
      "strata: Invalid start offset specified. You may use k, M, G, T, P or E suffixes for\n"
        + "strata: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.\n"),
    Case(
      "strata map -l 8E a", 1,
      "strata: Invalid max length specified. Must be between 0 and 9223372036854775807.\n"),
    Case("strata compare a", 1, "strata: Expecting two image file names" + tryHelp(of: "compare")),
    Case(
      "strata compare -T frob a b", 2,
      "strata: Invalid source cache option: frob\n"
        + "strata: hint: It is none, writeback, writethrough, directsync or unsafe.\n"),
    Case("strata check", 1, "strata: Expecting one image file name" + tryHelp(of: "check")),
    Case(
      "strata check -r frob a", 1,
      "strata: Unknown option value for -r (expecting 'leaks' or 'all'): frob" + tryHelp(of: "check")),
    Case(
      "strata check -U -r all a", 1,
      "strata: Could not open 'a': force-share=on can only be used with read-only images\n"),
    Case("strata graph", 1, "strata: Expecting image file name" + tryHelp(of: "graph")),
    Case(
      "strata graph --output=xml a", 1,
      "strata: --output must be used with human, json, dot or svg as argument.\n"),
    Case("strata create", 1, "strata: Expecting image file name" + tryHelp(of: "create")),
    Case("strata create a 1M 2M", 1, "strata: Unexpected argument: 2M" + tryHelp(of: "create")),
    Case("strata create -o ,a b 1M", 1, "strata: Invalid option list: ,a\n"),
    Case("strata create /nowhere/a", 1, "strata: /nowhere/a: Image creation needs a size parameter\n"),
    Case("strata convert a", 1, "strata: Must specify image file name\n"),
    Case(
      "strata convert -m 0 a b", 1,
      "strata: Invalid number of coroutines. Allowed number of coroutines is between 1 and 16\n"),
    Case("strata convert -C -S 4k a b", 1, "strata: Cannot enable copy offloading when -S is used\n"),
    Case("strata convert -C -c a b", 1, "strata: Cannot enable copy offloading when -c is used\n"),
    Case("strata convert -C --salvage a b", 1, "strata: Cannot use copy offloading in salvaging mode\n"),
    Case("strata convert --target-is-zero a b", 1, "strata: --target-is-zero requires use of -n flag\n"),
    Case(
      "strata convert --target-image-opts a b", 1, "strata: --target-image-opts requires use of -n flag\n"),
    Case("strata convert -n -o k=v a b", 1, "strata: -o has no effect when skipping image creation\n"),
    Case(
      "strata convert -S 513 a b", 1,
      "strata: Invalid buffer size for sparse output specified. "
        + "Valid sizes are multiples of 512 up to 16777216. Select 0 to disable sparse detection "
        + "(fully allocates output).\n"),
    Case(
      "strata convert --bitmaps a b c", 1, "strata: Copying bitmaps only possible with single source\n"),
    Case("strata bitmap --add -b x a b", 1, "strata: Merge bitmap source file only supported with --merge\n"),
    Case(
      "strata convert --skip-broken-bitmaps a b", 1,
      "strata: Use of --skip-broken-bitmaps requires --bitmaps\n"),
    Case(
      "strata convert -l snapshot.frob=1 a b", 1,
      "strata: Invalid parameter 'snapshot.frob'\nstrata: Failed in parsing snapshot param 'snapshot.frob=1'\n"
    ),
    Case("strata convert /dev/null frob:x", 1, "strata: Unknown protocol 'frob'\n"),
    Case(
      "/opt/qemu-img info", 1,
      "qemu-img: Expecting one image file name\nTry 'qemu-img --help' for more information\n"),
    Case(
      "strata-info --frob", 1,
      "strata-info: unrecognized option '--frob'\nTry 'strata-info --help' for more information\n"),
    Case(
      "./strata-old info --frob", 1,
      "strata-old: unrecognized option '--frob'\nTry 'strata-old info --help' for more information\n"),
    Case(
      "frob-img info /nowhere/x", 1,
      "frob-img: Could not open '/nowhere/x': Could not open '/nowhere/x': No such file or directory\n"),
    Case(
      "strata compare /nowhere/x y", 2,
      "strata: Could not open '/nowhere/x': Could not open '/nowhere/x': No such file or directory\n"),
    Case(
      "strata check -f raw /dev/null", 63, "strata: '/dev/null': This image format does not support checks\n"),
  ]

  @Test("mistakes are told in the words that scripts know", arguments: mistakes)
  func mistake(_ example: Case) {
    let run = Transcript(example.words.split(separator: " ").map(String.init))
    #expect(run == Transcript(status: example.status, errors: example.errors))
  }

  @Test(
    "the version, by name",
    arguments: [
      ("strata --version", "strata version \(Program.version)\n"),
      ("strata -V info x", "strata version \(Program.version)\n"),
      (
        "/bin/qemu-img --vers",
        "qemu-img version 7.2.22 (Strata \(Program.version))\nCopyright (c) 2026 The Strata authors\n"
      ),
    ])
  func version(_ words: String, _ expected: String) {
    let run = Transcript(words.split(separator: " ").map(String.init))
    #expect(run == Transcript(status: 0, output: expected))
  }

  @Test("a trace event that nobody knows is warned of")
  func trace() {
    let run = Transcript(["strata", "-T", "enable=frob,file=x", "map", "/dev/null"])
    let expected = Transcript(
      status: 0, output: "Offset          Length          Mapped to       File\n",
      errors: "strata: warning: trace event 'frob' does not exist\n")
    #expect(run == expected)
  }

  @Test("a link named after a command is that command")
  func links() {
    let folder = TemporaryFolder()
    let image = folder.file("a.raw")
    let made = Transcript(["strata-create", image, "1M"])
    #expect(made == Transcript(status: 0, output: "Formatting '\(image)', fmt=raw size=1048576\n"))
    let map = Transcript(["strata-map", "-f", "raw", "--output=json", image])
    let entry =
      #"[{ "start": 0, "length": 4096, "depth": 0, "present": true, "zero": false, "data": true, "#
      + #""compressed": false, "offset": 0},"# + "\n"
      + #"{ "start": 4096, "length": 1044480, "depth": 0, "present": true, "zero": true, "data": false, "#
      + #""compressed": false, "offset": 4096}]"#
    #expect(map == Transcript(status: 0, output: entry + "\n"))
    let quiet = Transcript(["strata-create", "-q", folder.file("b.raw"), "1M"])
    #expect(quiet == Transcript(status: 0))
    let same = Transcript(["strata-compare", image, folder.file("b.raw")])
    #expect(same == Transcript(status: 0, output: "Images are identical.\n"))
  }

  @Test(
    "a result that cannot be written is told, and a failure where the peer has no such command",
    arguments: [("--version", 0), ("formats", 1), ("-h", 0)])
  func brokenOutput(_ word: String, _ status: Int32) {
    var errors = ""
    let console = Console(name: "strata") { stream, text in
      if stream == .error { errors += text }
      return stream == .error
    }
    #expect(Program(console: console).run(Invocation(["strata", word])) == status)
    #expect(errors == "strata: Could not write to standard output\n")
  }
}

@Suite struct SentenceTests {
  private static let plain = BlockError(.inputOutput, "no luck")
  private static let damage = BlockError(.corrupt, "x: Image is corrupt: y; more", damage: "y").about("i")

  /// What is thrown, and the lines that tell of it: our own, and those of a stand-in where they differ.
  static let errors: [(BlockError, String, String?)] = [
    (plain, "P: no luck", nil),
    (plain.about("i"), "P: 'i': no luck", "P: no luck"),
    (plain.about("i").about("j").prefixed("reading"), "P: 'i': reading: no luck", "P: reading: no luck"),
    (plain.about("i").prefixed("Could not open 'j'", naming: "j"), "P: Could not open 'j': no luck", nil),
    (BlockError(.refused, "'i' is odd", naming: "i"), "P: 'i' is odd", nil),
    (BlockError(.interrupted, "enough").about("i"), "P: enough", nil),
    (BlockError(.corrupt, "bad").about("i"), "P: 'i' is damaged: bad", "P: bad"),
    (
      damage, "x: Image is corrupt: y; more|P: 'i' is damaged: y",
      "x: Image is corrupt: y; more|P: 'i': Input/output error"
    ),
    (
      damage.prefixed("a").prefixed("b"), "x: Image is corrupt: y; more|P: 'i': b: a: Input/output error",
      "x: Image is corrupt: y; more|P: b: a: Input/output error"
    ),
    (
      damage.prefixed("Could not open 'i'", naming: "i"),
      "x: Image is corrupt: y; more|P: Could not open 'i': Input/output error", nil
    ),
  ]

  @Test("an error is told with what was being done and with the image", arguments: errors)
  func lines(_ error: BlockError, _ ours: String, _ standIn: String?) {
    for (name, expected) in [("strata", ours), ("qemu-img", standIn ?? ours)] {
      var errors = ""
      Console(name: name) { _, text in
        errors += text
        return true
      }.report(error)
      let lines = expected.split(separator: "|").map { $0.replacing("P: ", with: name + ": ") + "\n" }
      #expect(errors == lines.joined())
    }
  }

  @Test("the cause in a step has nothing of what led there")
  func steps() {
    let error = Self.plain.prefixed("looking", step: .loadSnapshot).prefixed("outside")
    #expect(error.message == "outside: looking: no luck")
    #expect(error.cause(in: .loadSnapshot)?.message == "looking: no luck")
    #expect(error.cause(in: .grantPermissions) == nil)
    #expect(error.ending(with: .loadSnapshot).message == "outside: looking")
    #expect(error.ending(with: .grantPermissions) == error)
  }

  @Test("advice names the image where it is known")
  func advice() {
    let advice: Advice = "'check \(.file)' lists \(3) kinds; " + "'inspect \(.file)' more."
    #expect(advice.text(about: "a.img") == "'check a.img' lists 3 kinds; 'inspect a.img' more.")
    #expect(advice.text(about: nil) == "'check FILE' lists 3 kinds; 'inspect FILE' more.")
    #expect(advice == "'check \(.file)' lists 3 kinds; 'inspect \(.file)' more." && advice != "x")
  }

  @Test("the help of the stand-in names every option of a command once")
  func optionsOnce() throws {
    let help = Transcript(["qemu-img", "--help"]).output
    let lines = help.split(separator: "\n").filter { $0.contains(" [--object=definition]") }
    #expect(lines.count > 10)
    for line in lines {
      let words = line.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "+") }
      let names = words.filter { $0.hasPrefix("-") }
      #expect(Set(names).count == names.count, "\(line)")
    }
    let snapshot = try #require(lines.first { $0.hasPrefix("  snapshot ") })
    #expect(snapshot.contains("[-l | --list | -c name | --create=name | "), "\(snapshot)")
  }
}
