// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
import Support
import Testing

@testable import Host

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

  /// What a file may have besides content.
  enum Belonging: String, CaseIterable, CustomTestStringConvertible {
    case owner, mode, list, attribute, trusted, label, flag
    var testDescription: String { rawValue }

    func give(to path: String) -> Bool {
      switch self {
      case .owner: unsafe chown(path, 12, 34) == 0
      case .mode: unsafe chmod(path, 0o604) == 0
      case .list:
        ExtendedAttributes.set(ExtendedAttributes.accessList, ExtendedAttributes.closedGroup, of: path)
      case .attribute: ExtendedAttributes.set("user.note", [1, 0, 2], of: path)
      case .trusted: ExtendedAttributes.set("trusted.note", [], of: path)
      case .label: ExtendedAttributes.set("security.selinux", Array("u:r:svirt_t:s0\0".utf8), of: path)
      case .flag: Shell.run("chattr +Ad \"$1\"", path).status == 0
      }
    }
  }

  /// Needs root, which may give files away.
  @Test(
    "D-04 a file that is replaced hands on what it has, before there is content",
    .enabled(if: geteuid() == 0),
    arguments: Belonging.allCases)
  func belongings(_ belonging: Belonging) throws {
    let path = folder.file("x")
    try put("x", [9, 9])
    // What the folder would give a new file, the one that is replaced need not have.
    _ = ExtendedAttributes.set(
      ExtendedAttributes.defaultList, ExtendedAttributes.closedGroup, of: folder.path)
    try #require(belonging.give(to: path))
    let before = try KeptAttributes(of: File(path: path, mode: []))
    let plain = try KeptAttributes(of: File(path: "/dev/null", mode: []))
    #expect(before != plain)
    let staged = try StagedFile(path: path)
    #expect(try KeptAttributes(of: staged.file) == before)
    try staged.file.write(at: 0, [1])
    try staged.publish()
    #expect(try content("x") == [1])
    #expect(try KeptAttributes(of: File(path: path, mode: [])) == before)
    // What changes while the new file is filled counts, too.
    let late = try StagedFile(path: path)
    #expect(unsafe chmod(path, 0o600) == 0)
    let closed = try KeptAttributes(of: File(path: path, mode: []))
    try late.publish()
    #expect(try KeptAttributes(of: File(path: path, mode: [])) == closed)
  }

  @Test("D-04 a file with several names is not replaced: neither at first nor when it gets them meanwhile")
  func hardLinks() throws {
    try put("x", [9, 9])
    let staged = try StagedFile(path: folder.file("x"))
    #expect(unsafe link(folder.file("x"), folder.file("y")) == 0)
    let late = #expect(throws: BlockError.self) { try staged.publish() }
    #expect(late?.kind == .conflict)
    let error = #expect(throws: BlockError.self) { try StagedFile(path: folder.file("x")) }
    #expect(error?.kind == .refused)
    #expect(try content("x") == [9, 9] && content("y") == [9, 9])
    #expect(names() == ["x", "y"])
  }

  @Test(
    "D-04 a file that comes to the path meanwhile is not replaced, whatever it is",
    arguments: ["new", "other", "link"], ["publish", "appear", "retire"])
  func takenMeanwhile(_ what: String, _ end: String) throws {
    if what != "new" { try put("x", [9]) }
    let path = folder.file("x")
    do {
      let staged = try StagedFile(path: path)
      try staged.file.write(at: 0, [1])
      if what != "new" { #expect(unsafe rename(path, folder.file("y")) == 0) }
      if what == "link" { #expect(unsafe symlink("y", path) == 0) } else { try put("x", [7]) }
      let error = #expect(throws: BlockError.self) {
        switch end {
        case "publish": try staged.publish()
        case "appear": try staged.appear()
        default: try staged.retire()
        }
      }
      #expect(error?.kind == .conflict)
      staged.withdraw()
      staged.settle()
    }
    #expect(try content("x") == (what == "link" ? [9] : [7]))
    if what != "new" { #expect(try content("y") == [9]) }
    #expect(names() == (what == "new" ? ["x"] : ["x", "y"]))
  }

  @Test("D-04 a file that is taken away meanwhile need not be replaced")
  func removedMeanwhile() throws {
    for appears in [true, false] {
      try put("x", [9])
      let staged = try StagedFile(path: folder.file("x"))
      try staged.file.write(at: 0, [1])
      #expect(unsafe unlink(folder.file("x")) == 0)
      if appears { try staged.appear() } else { try staged.publish() }
      staged.settle()
      #expect(try content("x") == [1])
    }
    #expect(names() == ["x"])
  }

  @Test(
    "B-06 what has appeared can be taken back, and what it replaced is there again", arguments: [true, false])
  func withdrawal(exists: Bool) throws {
    if exists { try put("x", [9, 9]) }
    for isTakenBack in [true, false] {
      let staged = try StagedFile(path: folder.file("x"))
      try staged.file.write(at: 0, [1])
      try staged.appear()
      #expect(try content("x") == [1])
      if isTakenBack { staged.withdraw() } else { staged.settle() }
      if isTakenBack && !exists {
        #expect(FilePaths.kind(of: folder.file("x")) == nil)
      } else {
        #expect(try content("x") == (isTakenBack ? [9, 9] : [1]))
      }
    }
    #expect(names() == ["x"])
    #expect(unsafe mkdir(folder.file("d"), 0o755) == 0)
    do {
      let staged = try StagedFile(path: folder.file("d"))
      #expect(throws: BlockError(system: EISDIR)) { try staged.appear() }
    }
    #expect(names() == ["d", "x"])
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
