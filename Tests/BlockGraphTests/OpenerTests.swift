// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Options
import RawFormat
import Support
import Synchronization
import Testing

/// A folder of images and an opener for them.
final class OpenerScene {
  let folder = TemporaryFolder()
  let graph = Graph()
  let warnings = Mutex<[String]>([])

  /// `overlay` (fake) → `base` (raw); `plain` (raw); `self`, `a` ⇄ `b` and others that name each other.
  init() throws(BlockError) {
    try Files.write(Array(repeating: 1, count: 8192), to: folder.file("base"))
    try Files.write(Array(repeating: 2, count: 8192), to: folder.file("plain"))
    try fake("overlay", backing: "base", "raw")
    try fake("probing", backing: "base")
    try fake("alone")
    try fake("self", backing: "self", "fake")
    try fake("a", backing: "b")
    try fake("b", backing: "a")
    try fake("orphan", backing: "missing", "fake")
    try fake("remote", backing: "nbd:localhost:1")
  }

  func fake(_ name: String, backing: String = "", _ format: String = "") throws(BlockError) {
    try Files.write(FakeFormat.image(length: 16384, backing: backing, format: format), to: folder.file(name))
  }

  var opener: Opener {
    var opener = Opener(
      graph: graph, kinds: [FakeFormat(), RawFormat(), FileStorage.file, FileStorage.device])
    opener.warn = { text in self.warnings.withLock { $0.append("\(text)") } }
    return opener
  }

  /// The path of a file, also inside option text where `@` stands for the folder.
  func text(_ template: String) -> String {
    template.split(separator: "@", omittingEmptySubsequences: false).joined(separator: folder.path + "/")
  }

  /// What `template` says: a name, or options where it has the form of some.
  func name(_ template: String) throws(BlockError) -> ImageName {
    let text = text(template)
    guard text.contains("="), !text.hasPrefix("json:") else {
      return try ImageName(text, protocols: opener.protocols)
    }
    return try ImageName(options: try KeyValueList(parsing: text, dialect: .short).object, text: text)
  }

  func open(_ template: String, _ settings: OpenSettings = OpenSettings()) throws(BlockError) -> Node {
    try opener.openUnused(name(template), settings)
  }
}

@Suite("Opening")
struct OpenerTests {
  /// Each node below the top: driver and slot path.
  private func shape(_ node: Node) -> String {
    let below = node.children.map { "\($0.slot.rawValue): \(shape($0.child))" }
    return node.driver.name + (below.isEmpty ? "" : "(" + below.joined(separator: ", ") + ")")
  }

  static let overlay = "fake(file: file, backing: raw(file: file))"

  @Test(
    "names lead to the layers they mean",
    arguments: [
      ("@plain", nil, "raw(file: file)"), ("@overlay", nil, overlay), ("@probing", nil, overlay),
      ("@overlay", "raw", "raw(file: file)"), ("@plain", "file", "file"),
      ("file:@plain", nil, "raw(file: file)"),
      ("/dev/null", "raw", "raw(file: host_device)"),
      ("host_device:/dev/null", "raw", "raw(file: host_device)"),
      ("driver=raw,file.filename=@plain", nil, "raw(file: file)"),
      ("driver=raw,file.driver=raw,file.file.filename=@plain", nil, "raw(file: raw(file: file))"),
      ("driver=raw,file.driver=fake,file.file.filename=@overlay", nil, "raw(file: \(overlay))"),
      ("driver=file,filename=@plain", nil, "file"), ("file.filename=@overlay", nil, overlay),
      (
        #"json:{"driver":"fake","file":{"driver":"file","filename":"@overlay"},"backing":null}"#, nil,
        "fake(file: file)"
      ),
      // A format stated apart counts more.
      (#"json:{"driver":"fake","file.filename":"@plain"}"#, "raw", "raw(file: file)"),
      ("driver=fake,file.filename=@overlay,backing.driver=raw,backing.file.filename=@plain", nil, overlay),
      (
        "driver=fake,file.filename=@alone,backing.driver=fake,backing.file.filename=@overlay", nil,
        "fake(file: file, backing: \(overlay))"
      ),
    ] as [(String, String?, String)])
  func opens(_ template: String, _ format: String?, _ wanted: String) throws {
    let scene = try OpenerScene()
    let node = try scene.open(template, OpenSettings(format: format))
    #expect(shape(node) == wanted)
    scene.graph.dispose(ofUnused: node)
    #expect(scene.graph.nodes.isEmpty)
    #expect(OpenFiles.under(scene.folder.path).isEmpty)
  }

  static let failures: [(String, String?, String)] = [
    ("@missing", nil, "Could not open '@missing': No such file or directory"),
    ("@missing", "fake", "Could not open '@missing': No such file or directory"),
    ("", nil, "The 'file' block driver requires a file name"),
    ("/", nil, "'file' driver requires '/' to be a regular file"),
    ("file:/dev/null", nil, "'file' driver requires '/dev/null' to be a regular file"),
    (
      "host_device:@plain", nil,
      "'host_device' driver requires '@plain' to be either a character or block device"
    ),
    ("@plain", "nope", "Unknown driver 'nope'"),
    ("@plain", "fake", "Image is not in fake format"),
    ("driver=nope,file.filename=@plain", nil, "Unknown driver 'nope'"),
    ("driver=fake,file.filename=@alone,foo=1", nil, "Block format 'fake' does not support the option 'foo'"),
    (
      "driver=raw,file.filename=@plain,foo.bar=1", nil,
      "Block format 'raw' does not support the option 'foo.bar'"
    ),
    (
      "driver=raw,file.filename=@plain,file.bar=1", nil,
      "Block protocol 'file' doesn't support the option 'bar'"
    ),
    (
      "driver=raw,file.filename=@plain,cache=none", nil,
      "Block format 'raw' does not support the option 'cache'"
    ),
    (
      "driver=raw,file.filename=@plain,cache.foo=on", nil,
      "Block format 'raw' does not support the option 'cache.foo'"
    ),
    (
      "driver=raw,file.filename=@plain,data-file.filename=x", nil,
      "Block format 'raw' does not support the option 'data-file.filename'"
    ),
    ("driver=raw,file.filename=@plain,backing=x", nil, "Driver doesn't support backing files"),
    ("driver=raw", nil, "A block device must be specified for \"file\""),
    (#"json:{"driver":"raw","file":3}"#, nil, "A block device must be specified for \"file\""),
    ("driver=raw,file=nope", nil, "Cannot find device='nope' nor node-name='nope'"),
    (
      "driver=fake,file.filename=@alone,backing=nope", nil,
      "Could not open backing file: Cannot find device='nope' nor node-name='nope'"
    ),
    (
      "driver=fake,file.filename=@alone,backing.foo=x", nil,
      "Could not open backing file: Must specify either driver or file"
    ),
    ("foo=bar", nil, "Must specify either driver or file"),
    ("file.driver=file", nil, "The 'file' block driver requires a file name"),
    (#"json:{"driver":"raw","node-name":"1x","file.filename":"@plain"}"#, nil, "Invalid node-name: '1x'"),
    (
      "driver=raw,node-name=n,file.node-name=n,file.filename=@plain", nil,
      "Duplicate nodes with node-name='n'"
    ),
    ("driver=raw,file.filename=@plain,read-only=maybe", nil, "Parameter 'read-only' expects 'on' or 'off'"),
    ("driver=raw,file.filename=@plain,discard=foo", nil, "Invalid discard option"),
    ("driver=raw,file.filename=@plain,detect-zeroes=foo", nil, "invalid parameter value: foo"),
    ("driver=raw,file.filename=@plain,file.locking=foo", nil, "invalid parameter value: foo"),
    ("driver=raw,file.filename=@plain,file.aio=foo", nil, "invalid parameter value: foo"),
    (
      "driver=raw,file.filename=@plain,file.aio-max-batch=x", nil,
      "Parameter 'aio-max-batch' expects a number"
    ),
    ("driver=fake,file.filename=@overlay,trouble=here", nil, "trouble: here"),
    (
      "driver=fake,file.filename=@alone,backing.driver=fake,backing.file.filename=@overlay,backing.trouble=there",
      nil,
      "Could not open backing file: trouble: there"
    ),
    ("@orphan", nil, "Could not open backing file: Could not open '@missing': No such file or directory"),
    (
      "@remote", nil,
      "Could not open backing file: '@remote' names 'nbd:localhost:1': only local files may be named in an image"
    ),
    (
      "@self", nil,
      "Could not open backing file: Backing file '@self' creates an infinite loop: '@self' names it in slot 'backing'"
    ),
    (
      "@a", nil,
      "Could not open backing file: Could not open backing file: "
        + "Backing file '@a' creates an infinite loop: '@b' names it in slot 'backing'"
    ),
  ]

  @Test("G-03 X-03 what cannot be opened says why and leaves nothing open", arguments: failures)
  func fails(_ template: String, _ format: String?, _ message: String) throws {
    let scene = try OpenerScene()
    let bystander = try scene.open("driver=raw,node-name=bystander,file.filename=@base")
    let before = GraphState(scene.graph)
    let files = OpenFiles.under(scene.folder.path)
    let user = scene.graph.makeUser(
      "the test", request: PermissionRequest(held: .consistentRead, shared: .all))
    let error = #expect(throws: BlockError.self) {
      try scene.opener.open(scene.name(template), OpenSettings(format: format), for: user)
    }
    #expect(user.edge == nil)
    scene.graph.detach(user)
    #expect(error?.message == "Could not open '\(scene.text(template))': " + scene.text(message))
    #expect(GraphState(scene.graph) == before)
    #expect(OpenFiles.under(scene.folder.path) == files)
    scene.graph.dispose(ofUnused: bystander)
  }

  /// A json: option can state a file again and again inside itself.
  @Test("G-03 a loop that goes through stated options ends, and so does a chain that is too long")
  func deepChains() throws {
    let scene = try OpenerScene()
    for index in 0..<Opener.maximumDepth + 5 {
      try scene.fake("link\(index)", backing: "link\(index + 1)", "fake")
    }
    let error = #expect(throws: BlockError.self) { _ = try scene.open("@link0") }
    #expect(error?.kind == .refused)
    // Told once, with the image that is one too many.
    #expect(
      error?.message
        == scene.text("Could not open '@link200': the chain of backing files is longer than 200 layers"))
    #expect(scene.graph.nodes.isEmpty)
    // One of the greatest length that is allowed.
    try scene.fake("link\(Opener.maximumDepth - 1)")
    let node = try scene.open("@link0")
    #expect(scene.graph.nodes.count == 2 * Opener.maximumDepth)
    scene.graph.dispose(ofUnused: node)
    #expect(scene.graph.nodes.isEmpty)
  }

  @Test("a node that options refer to is used, and stays when opening fails")
  func references() throws {
    let scene = try OpenerScene()
    let base = try scene.open("driver=raw,node-name=mine,file.filename=@base")
    let overlay = try scene.open("driver=fake,file.filename=@alone,backing=mine")
    #expect(overlay.backing?.child === base)
    #expect(scene.graph.parents(of: base).count == 1)
    scene.graph.dispose(ofUnused: overlay)
    // The one reference was the only use.
    #expect(scene.graph.nodes.isEmpty)
    let again = try scene.open("driver=raw,node-name=mine,file.filename=@base")
    #expect(throws: BlockError.self) {
      _ = try scene.open("driver=fake,file.filename=@alone,backing=mine,foo=1")
    }
    #expect(throws: BlockError.self) { _ = try scene.open("driver=raw,file=mine,foo=1") }
    #expect(scene.graph.node(named: "mine") === again)
    #expect(scene.graph.nodes.count == 2)
  }

  @Test("generic options reach the layer they are stated for")
  func genericOptions() throws {
    let scene = try OpenerScene()
    let writable = OpenSettings(flags: .writable)
    let cases: [(String, OpenSettings, NodeFlags, NodeFlags)] = [
      ("driver=raw,file.filename=@plain", writable, .writable, .writable),
      ("driver=raw,file.filename=@plain,read-only=on", writable, [], []),
      ("driver=raw,file.filename=@plain,auto-read-only=on", writable, .writable, .writable),
      ("driver=raw,file.filename=@plain,file.read-only=on", writable, .writable, []),
      ("driver=raw,file.filename=@plain,read-only=on,file.read-only=off", writable, [], .writable),
      ("driver=raw,file.filename=@plain,file.read-only=off", OpenSettings(), [], []),
      (
        "driver=raw,file.filename=@plain,cache.direct=on,cache.no-flush=on", OpenSettings(),
        [.direct, .noFlush], [.direct, .noFlush]
      ),
      ("driver=raw,file.filename=@plain,file.cache.direct=on", OpenSettings(), [], .direct),
      ("driver=raw,file.filename=@plain,cache.direct=off", OpenSettings(flags: .direct), [], []),
      ("driver=raw,file.filename=@plain,discard=unmap", OpenSettings(), .unmap, .unmap),
      ("driver=raw,file.filename=@plain,force-share=on", OpenSettings(), .forceShare, .forceShare),
      ("file.filename=@plain", OpenSettings(), .probed, []),
      ("@alone", OpenSettings(), .probed, []),
      ("@alone", OpenSettings(format: "fake"), [], []),
    ]
    for (template, settings, top, file) in cases {
      let node = try scene.open(template, settings)
      #expect(node.flags == top, "\(template)")
      #expect(node.file?.child.flags == file, "\(template)")
      scene.graph.dispose(ofUnused: node)
    }
    let error = #expect(throws: BlockError.self) {
      _ = try scene.open("driver=raw,file.filename=@plain,force-share=on", writable)
    }
    #expect(error?.message.hasSuffix("force-share=on can only be used with read-only images") == true)
  }

  @Test("backing files are opened for reading only, whatever the overlay is, and only when asked")
  func backing() throws {
    let scene = try OpenerScene()
    let user = scene.graph.makeUser(
      "the test", request: PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead))
    try scene.opener.open(
      ImageName(path: scene.folder.file("overlay")), OpenSettings(flags: [.writable, .unmap]), for: user)
    let node = try #require(user.edge?.child)
    #expect(node.flags.contains(.writable))
    let backing = try #require(node.backing)
    #expect(backing.child.flags == .unmap)
    #expect(backing.request.held == .consistentRead)
    #expect(try user.edge?.array(at: 8190, count: 4) == [1, 1, 0, 0])
    try scene.graph.release(user)
    let alone = try scene.open("@orphan", OpenSettings(followsBacking: false))
    #expect(alone.backing == nil)
  }

  @Test("C-02 a disk guessed to be raw does not take on another format's header")
  func probeGuard() throws {
    let scene = try OpenerScene()
    for format in [nil, "raw"] as [String?] {
      scene.warnings.withLock { $0 = [] }
      let user = scene.graph.makeUser(
        "the guest", request: PermissionRequest(held: [.consistentRead, .write], shared: .all))
      let name = ImageName(path: scene.folder.file("plain"))
      try scene.opener.open(name, OpenSettings(format: format, flags: [.writable, .unmap]), for: user)
      let edge = try #require(user.edge)
      #expect(edge.child.flags.contains(.probed) == (format == nil))
      let warnings = scene.warnings.withLock { $0 }
      #expect(warnings.count == (format == nil ? 1 : 0))
      let magic = Array(FakeFormat.image(length: 4096)[..<8])
      if format == nil {
        #expect(warnings == ["\(OpenWarning.guessedRaw(name.text))"])
        let error = #expect(throws: BlockError.self) { try edge.write(at: 0, magic + [1, 2, 3]) }
        #expect(error?.kind == .accessDenied)
        // All but the last byte is nothing yet; the last byte makes it one, wherever it comes from.
        try edge.write(at: 0, magic[..<7] + [9])
        #expect(throws: BlockError.self) { try edge.write(at: 7, [magic[7]]) }
        #expect(try edge.array(at: 0, count: 8) == magic[..<7] + [9])
        try edge.write(at: 512, magic)
      } else {
        try edge.write(at: 0, FakeFormat.image(length: 4096))
        #expect(try edge.array(at: 0, count: 8) == magic)
      }
      try scene.graph.release(user)
    }
    // What was written on purpose is found now.
    #expect(try scene.open("@plain", OpenSettings(followsBacking: false)).driver.name == "fake")
  }
}
