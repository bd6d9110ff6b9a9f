// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
import Host
import Support
import Testing

struct StagedFileTests {
  private let folder = TemporaryFolder()

  /// The names in the folder, hidden ones too.
  private func names() -> [String] {
    Shell.run("ls -A", folder: folder.path).output.split(separator: "\n").map(String.init)
  }

  private func content(_ name: String) throws -> [UInt8] {
    try File(path: folder.file(name), mode: []).content(at: 0, 100)
  }

  private func put(_ name: String, _ bytes: [UInt8]) throws {
    try File(path: folder.file(name), mode: [.writable, .create]).write(at: 0, bytes)
  }

  @Test("a new file appears when it is published, complete")
  func publish() throws {
    let staged = try StagedFile(path: folder.file("x"))
    #expect(FilePaths.kind(of: folder.file("x")) == nil)
    try staged.file.write(at: 0, [1, 2, 3])
    try staged.publish()
    #expect(try content("x") == [1, 2, 3])
    #expect(names() == ["x"])
    // It is the same file, so what is written later arrives too.
    try staged.file.write(at: 3, [4])
    #expect(try content("x") == [1, 2, 3, 4])
  }

  @Test("an abandoned file leaves nothing behind")
  func abandon() throws {
    do {
      let staged = try StagedFile(path: folder.file("x"))
      try staged.file.write(at: 0, [1])
    }
    #expect(names() == [])
  }

  @Test("an existing file is untouched before, and replaced with its mode kept")
  func replace() throws {
    try put("x", [9, 9])
    #expect(unsafe chmod(folder.file("x"), 0o640) == 0)
    let staged = try StagedFile(path: folder.file("x"))
    try staged.file.write(at: 0, [1])
    #expect(try content("x") == [9, 9])
    try staged.publish()
    #expect(try content("x") == [1])
    #expect(names() == ["x"])
    var status = stat()
    #expect(unsafe stat(folder.file("x"), &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640)
  }

  @Test("an abandoned replacement leaves the existing file as it was")
  func abandonReplacement() throws {
    try put("x", [9, 9])
    do {
      let staged = try StagedFile(path: folder.file("x"))
      try staged.file.write(at: 0, [1])
    }
    #expect(try content("x") == [9, 9])
    #expect(names() == ["x"])
  }

  @Test("links stay links, whether what they name exists or not", arguments: [true, false])
  func links(exists: Bool) throws {
    #expect(unsafe mkdir(folder.file("d"), 0o755) == 0)
    if exists { try put("d/real", [9]) }
    #expect(unsafe symlink("d/real", folder.file("middle")) == 0)
    #expect(unsafe symlink(folder.file("middle"), folder.file("link")) == 0)
    let staged = try StagedFile(path: folder.file("link"))
    try staged.file.write(at: 0, [1])
    try staged.publish()
    #expect(names() == ["d", "link", "middle"])
    #expect(try content("link") == [1] && content("d/real") == [1])
    var status = stat()
    for name in ["link", "middle"] {
      #expect(unsafe lstat(folder.file(name), &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFLNK)
    }
  }

  @Test("a file that came in between is replaced as well")
  func race() throws {
    let staged = try StagedFile(path: folder.file("x"))
    try staged.file.write(at: 0, [1])
    try put("x", [9, 9])
    try staged.publish()
    #expect(try content("x") == [1])
    #expect(names() == ["x"])
  }

  @Test("what cannot be published is an error and leaves nothing")
  func refusals() throws {
    #expect(throws: BlockError.self) { try StagedFile(path: folder.file("none/x")) }
    #expect(unsafe mkdir(folder.file("d"), 0o755) == 0)
    do {
      let staged = try StagedFile(path: folder.file("d"))
      #expect(throws: BlockError.self) { try staged.publish() }
    }
    #expect(names() == ["d"])
    #expect(unsafe symlink("loop", folder.file("loop")) == 0)
    #expect(throws: BlockError(system: ELOOP)) { try StagedFile(path: folder.file("loop")) }
    #expect(names() == ["d", "loop"])
  }

  @Test("a killed process leaves no file at the name, and where the system can, none at all")
  func killed() async throws {
    let path = folder.file("x")
    var probe: StagedFile? = try StagedFile(path: folder.file("probe"))
    let staysUnnamed = names().isEmpty
    probe = nil
    _ = probe
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let staged = try StagedFile(path: path)
      try staged.file.write(at: 0, [1, 2, 3])
      _ = kill(getpid(), SIGKILL)
    }
    #expect(FilePaths.kind(of: path) == nil)
    // Where the file system has no unnamed files, a hidden one stays.
    if staysUnnamed { #expect(names() == []) }
  }

  @Test("long names fit")
  func longName() throws {
    let name = String(repeating: "n", count: 255)
    try put(name, [9])
    let staged = try StagedFile(path: folder.file(name))
    try staged.publish()
    #expect(names() == [name])
  }
}

struct FilePathTests {
  @Test(
    "parts of a path",
    arguments: [
      ("a/b", "a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("/a/b/c", "/a/b", "c"), ("a/", "a", ""),
      ("", ".", ""),
      ("/", "/", ""),
    ])
  func parts(path: String, folder: String, name: String) {
    #expect(FilePaths.folder(of: path) == folder)
    #expect(FilePaths.name(of: path) == name)
  }

  @Test("joining keeps absolute names")
  func join() {
    #expect(FilePaths.join("a", "b") == "a/b" && FilePaths.join("a/", "b") == "a/b")
    #expect(
      FilePaths.join("a", "/b") == "/b" && FilePaths.join("", "b") == "b" && FilePaths.join("/", "b") == "/b")
  }

  @Test("links are followed as far as they lead")
  func links() throws {
    let folder = TemporaryFolder()
    let real = FilePaths.resolvingLinks(folder.path)
    for (name, target) in [("a", "b"), ("b", "c"), ("loop", "pool"), ("pool", "loop")] {
      #expect(unsafe symlink(target, folder.file(name)) == 0)
    }
    #expect(FilePaths.resolvingLinks(folder.file("a")) == folder.file("c"))
    _ = try File(path: folder.file("c"), mode: [.writable, .create])
    #expect(FilePaths.resolvingLinks(folder.file("a")) == real + "/c")
    #expect(FilePaths.resolvingLinks(folder.file("loop")) == folder.file("loop"))
    #expect(FilePaths.resolvingLinks("none/x") == "none/x")
    #expect(
      FilePaths.kind(of: folder.file("a")) == .regular && FilePaths.kind(of: folder.file("loop")) == nil)
    try FilePaths.remove(folder.file("a"))
    #expect(FilePaths.kind(of: folder.file("c")) == .regular)
    let error = #expect(throws: BlockError.self) { try FilePaths.remove(folder.file("a")) }
    #expect(error?.kind == .notFound)
  }
}
