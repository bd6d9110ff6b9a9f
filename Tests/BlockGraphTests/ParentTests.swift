// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Host
import RawFormat
import Support
import Testing

/// The fake format, whose backing file has several names, with bars between, and is to have a certain length.
private struct CandidateFormat: DriverKind {
  var staysInFolder = false
  var wantedLength: UInt64?
  var name: String { "fake" }
  var supportsBacking: Bool { true }

  func probe(_ input: ProbeInput) -> Recognition? { FakeFormat().probe(input) }

  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    var opened = try FakeFormat().open(&request)
    for index in opened.references.indices {
      var names = opened.references[index].name.split(separator: "|").map(String.init)
      opened.references[index].name = names.removeFirst()
      opened.references[index].otherNames = names
      opened.references[index].staysInFolder = staysInFolder
      guard let wantedLength else { continue }
      opened.references[index].check = { (parent: Node) throws(BlockError) in
        guard parent.length >= wantedLength else {
          throw BlockError(.corrupt, "the parent has \(parent.length) bytes, not \(wantedLength)")
        }
        return parent.length > wantedLength ? [.remark("the parent has grown")] : []
      }
    }
    return opened
  }
}

/// Files of which something becomes of one between being found and being opened.
private struct ChangingFiles: DriverKind {
  let change: @Sendable () -> Void
  var name: String { "file" }
  var isProtocol: Bool { true }

  func find(_ path: String, beneath folder: String?) throws(BlockError) -> FoundFile? {
    let found = try FileStorage.file.find(path, beneath: folder)
    change()
    return found
  }
  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    try FileStorage.file.open(&request)
  }
}

/// The ways from an image to those that it names.
@Suite struct ParentTests {
  private let folder = TemporaryFolder()

  /// `images/top`, whose backing file has the names given, and what may be named.
  private init() throws {
    let setUp = Shell.run(
      """
      mkdir -p images/sub outside; for f in images/one images/two images/sub/deep outside/secret; do
      head -c 8192 /dev/zero | tr '\\0' "${f##*/}" >$f; done
      ln -s ../outside/secret images/link; ln -s ../outside images/way; mkfifo images/pipe
      """, folder: folder.path)
    #expect(setUp.status == 0)
  }

  /// Opens an image that names `names`; the first byte of what was opened below it, and what was said.
  private func parent(
    _ names: String, _ format: CandidateFormat = CandidateFormat(), _ policy: ReferencePolicy = .local,
    files: any DriverKind = FileStorage.file
  ) throws(BlockError) -> (byte: UInt8?, remarks: [OpenWarning]) {
    try Files.write(
      FakeFormat.image(length: 16384, backing: names, format: "raw"), to: folder.file("images/top"))
    let graph = Graph()
    var opener = Opener(
      graph: graph, kinds: [format, RawFormat(), files, FileStorage.device], references: policy)
    var remarks: [OpenWarning] = []
    opener.warn = { remarks.append($0) }
    let user = graph.makeUser("the test", request: PermissionRequest(held: .consistentRead, shared: .all))
    defer {
      try? graph.release(user)
      #expect(graph.nodes.isEmpty)
      #expect(OpenFiles.under(folder.path).isEmpty)
    }
    try opener.open(ImageName(path: folder.file("images/top")), OpenSettings(format: "fake"), for: user)
    return (try user.edge?.array(at: 0, count: 1).first, remarks)
  }

  @Test(
    "of several names, the first is taken that may be followed and leads to a file",
    arguments: [
      ("one|two", "o"), ("missing|two", "t"), ("missing|sub/none|sub/deep", "d"), ("nbd:h:1|two", "t"),
      ("json:{}|missing|one", "o"), ("../outside/secret|one", "s"), ("link|one", "s"),
    ])
  func candidates(_ names: String, _ first: String) throws {
    #expect(try parent(names).byte == first.utf8.first)
  }

  @Test(
    "where no name leads anywhere, a refusal is told rather than that there is no file",
    arguments: [
      ("missing", "Could not open '@images/missing': No such file or directory"),
      ("missing|none", "Could not open '@images/missing': No such file or directory"),
      (
        "missing|nbd:h:1|none",
        "'@images/top' names 'nbd:h:1': only local files may be named in an image"
      ),
      // What is there is what is meant.
      ("pipe|one", "'file' driver requires '@images/pipe' to be a regular file"),
      ("sub|one", "'file' driver requires '@images/sub' to be a regular file"),
    ])
  func noCandidate(_ names: String, _ message: String) throws {
    let error = #expect(throws: BlockError.self) { try parent(names) }
    let wanted = message.replacing("@", with: folder.path + "/")
    #expect(
      error?.message
        == "Could not open '\(folder.file("images/top"))': Could not open backing file: \(wanted)")
  }

  @Test("a name that stays in the image's folder goes down, by way of no link, unless every name is allowed")
  func confined() throws {
    let format = CandidateFormat(staysInFolder: true)
    for (names, first) in [("one", "o"), ("./sub//deep", "d"), ("link|two", "t"), ("../images/one|two", "t")]
    {
      #expect(try parent(names, format).byte == first.utf8.first, "\(names)")
    }
    let refused = [
      ("link", "'link' is a symbolic link"), ("way/secret", "'way' is a symbolic link"),
      ("../images/one", "the name leads out of the folder"),
      ("sub/../one", "the name leads out of the folder"),
      (folder.file("images/one"), "the name leads out of the folder"),
    ]
    for (name, reason) in refused {
      let error = #expect(throws: BlockError.self) { try parent(name, format) }
      #expect(error?.kind == .refused)
      #expect(
        error?.finding
          == "'\(folder.file("images/top"))' names '\(name)': only files in the image's own folder "
          + "may be named here, and \(reason)")
      #expect(throws: Never.self) { try parent(name, format, .any) }
    }
    let prefixed = #expect(throws: BlockError.self) { try parent("file:one", format) }
    #expect(prefixed?.kind == .refused)
    #expect(throws: BlockError.self) { try parent("one/deep", format) }
    #expect(throws: BlockError.self) { try parent("one", format, .none) }
  }

  @Test(
    "a parent that is there and not the one that is meant is refused in the format's words, or remarked on")
  func check() throws {
    let error = #expect(throws: BlockError.self) {
      try parent("one|two", CandidateFormat(wantedLength: 16384))
    }
    #expect(error?.kind == .corrupt)
    #expect(error?.finding == "the parent has 8192 bytes, not 16384")
    #expect(error?.context?.hasSuffix("Could not open backing file") == true)
    #expect(try parent("one", CandidateFormat(wantedLength: 8192)).remarks.isEmpty)
    #expect(
      try parent("one", CandidateFormat(wantedLength: 4096)).remarks == [.remark("the parent has grown")])
  }

  @Test(
    "a link that takes the place of a file after it was found is not followed", arguments: [false, true])
  func exchanged(_ staysInFolder: Bool) throws {
    let images = folder.file("images")
    let files = ChangingFiles {
      #expect(Shell.run("mv one old; ln -s ../outside/secret one", folder: images).status == 0)
    }
    let error = #expect(throws: BlockError.self) {
      try parent("one|two", CandidateFormat(staysInFolder: staysInFolder), files: files)
    }
    #expect(
      error?.finding
        == (staysInFolder ? "Too many levels of symbolic links" : "another file stands there now"))
  }
}
