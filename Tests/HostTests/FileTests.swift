// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Glibc
import Host
import Support
import Testing

extension File {
  /// The bytes of a range, fewer where the file ends.
  func content(at offset: UInt64, _ count: Int) throws(BlockError) -> [UInt8] {
    let buffer = Buffer(count: count)
    var bytes = buffer.mutableBytes
    let read = try read(at: offset, into: &bytes)
    let span = buffer.bytes
    return (0..<read).map { span.byte(at: $0) }
  }

  func write(at offset: UInt64, _ bytes: [UInt8]) throws(BlockError) {
    try write(at: offset, from: Buffer(bytes).bytes)
  }
}

struct FileTests {
  private let folder = TemporaryFolder()

  private func make(_ name: String = "x") throws -> File {
    try File(path: folder.file(name), mode: [.writable, .create])
  }

  @Test("reading and writing at any offset agrees with a model")
  func model() throws {
    var random = SeededNumbers(seed: 1)
    let file = try make()
    var model: [UInt8] = []
    for _ in 0..<400 {
      let offset = Int.random(in: 0...20_000, using: &random)
      let count = Int.random(in: 0...5000, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        let bytes = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: count)
        try file.write(at: UInt64(offset), bytes)
        if count > 0 {
          if model.count < offset + count {
            model += [UInt8](repeating: 0, count: offset + count - model.count)
          }
          model.replaceSubrange(offset..<offset + count, with: bytes)
        }
      case 1:
        try file.truncate(to: UInt64(offset))
        model = Array(model.prefix(offset)) + [UInt8](repeating: 0, count: max(0, offset - model.count))
      default:
        #expect(try file.content(at: UInt64(offset), count) == Array(model.dropFirst(offset).prefix(count)))
      }
      #expect(try file.length() == UInt64(model.count))
    }
    try file.synchronize()
    #expect(try File(path: folder.file("x"), mode: []).content(at: 0, 30_000) == model)
  }

  @Test("kinds and identity")
  func kinds() throws {
    let file = try make()
    #expect(file.kind == .regular && file.isWritable)
    #expect(try File(path: folder.path, mode: []).kind == .directory)
    #expect(try File(path: "/dev/null", mode: []).kind == .characterDevice)
    let again = try File(path: folder.file("x"), mode: [])
    #expect(!again.isWritable)
    #expect(try again.identity() == file.identity())
    #expect(try make("y").identity() != file.identity())
    #expect(FilePaths.identity(of: folder.file("x")) == (try file.identity()))
  }

  @Test("a FIFO without a writer does not block")
  func fifo() throws {
    #expect(unsafe mkfifo(folder.file("fifo"), 0o600) == 0)
    #expect(try File(path: folder.file("fifo"), mode: []).kind == .pipe)
    #expect(FilePaths.kind(of: folder.file("fifo")) == .pipe)
  }

  @Test(
    "what cannot be opened says why",
    arguments: [
      ("missing", [], .notFound), ("x/y", [], .notFound), (".", [.writable], .invalidArgument),
      ("x", [.writable, .create, .exclusive], .alreadyExists), ("none/x", [.writable, .create], .notFound),
      ("loop", [], .inputOutput), ("a\u{0}b", [], .invalidArgument),
      (String(repeating: "n", count: 300), [], .tooLarge),
    ] as [(String, File.Mode, BlockError.Kind)])
  func refusals(name: String, mode: File.Mode, kind: BlockError.Kind) throws {
    _ = try make()
    #expect(unsafe symlink("loop", folder.file("loop")) == 0)
    let error = #expect(throws: BlockError.self) { try File(path: folder.file(name), mode: mode) }
    #expect(error?.kind == kind)
  }

  @Test("wrong use is refused, not cut short")
  func wrongUse() throws {
    try make().write(at: 0, [1, 2, 3])
    let reader = try File(path: folder.file("x"), mode: [])
    let error = #expect(throws: BlockError.self) { try reader.write(at: 0, [9]) }
    #expect(error?.kind == .readOnly)
    #expect(throws: BlockError.self) { try reader.truncate(to: 0) }
    for offset in [UInt64.max, UInt64(Int64.max), UInt64(Int64.max) + 1] {
      let error = #expect(throws: BlockError.self) { try make().write(at: offset, [1, 2]) }
      #expect(error?.kind == .tooLarge || error?.kind == .invalidArgument)
    }
    for length in [UInt64.max, UInt64(Int64.max) + 1] {
      let error = #expect(throws: BlockError.self) { try make().truncate(to: length) }
      #expect(error?.kind == .tooLarge)
    }
    #expect(try reader.content(at: 3, 10).isEmpty && reader.content(at: 1 << 40, 10).isEmpty)
    #expect(try reader.content(at: 0, 10) == [1, 2, 3])
    let directory = try File(path: folder.path, mode: [])
    #expect(throws: BlockError.self) { try directory.content(at: 0, 1) }
  }

  @Test("a full device is told apart")
  func full() throws {
    let file = try File(path: "/dev/full", mode: [.writable])
    let error = #expect(throws: BlockError.self) { try file.write(at: 0, [1]) }
    #expect(error?.kind == .noSpace)
    #expect(error?.systemError == ENOSPC)
  }

  @Test("direct I/O can be turned on, off, and asks for a sane alignment")
  func direct() throws {
    let file = try make()
    let alignment = file.directAlignment
    #expect(alignment >= 512 && alignment <= 4096)
    try file.truncate(to: 8192)
    do throws(BlockError) {
      try file.setDirect(true)
    } catch {
      // Some file systems have no such thing.
      #expect(error.isUnsupportedCall)
      return
    }
    #expect(try file.content(at: 4096, 4096) == [UInt8](repeating: 0, count: 4096))
    try file.setDirect(false)
    #expect(try file.content(at: 1, 3) == [0, 0, 0])
  }

  @Test("descriptors close with the last reference")
  func descriptors() throws {
    func open() -> Int { Int(Shell.run("ls /proc/$PPID/fd | wc -l").output.filter { $0.isNumber }) ?? 0 }
    _ = try make()
    var files: [File] = []
    let before = open()
    for _ in 0..<40 { files.append(try File(path: folder.file("x"), mode: [])) }
    #expect(files.count == 40 && open() > before + 30)
    files.removeAll()
    // Other tests of this process open files meanwhile.
    #expect(open() < before + 20)
  }

  @Test(
    "system errors get the kind that fits",
    arguments: [
      (ENOENT, .notFound), (EEXIST, .alreadyExists), (EACCES, .accessDenied), (EROFS, .readOnly),
      (EAGAIN, .conflict),
      (ENOSPC, .noSpace), (EFBIG, .tooLarge), (EOPNOTSUPP, .unsupported), (EINVAL, .invalidArgument),
      (EINTR, .interrupted), (EIO, .inputOutput), (9999, .inputOutput),
    ] as [(Int32, BlockError.Kind)])
  func errors(number: Int32, kind: BlockError.Kind) {
    let error = BlockError(system: number)
    #expect(error.kind == kind && error.systemError == number)
    #expect(!error.message.isEmpty)
    #expect(error.isUnsupportedCall == [EOPNOTSUPP, EINVAL].contains(number))
    if number == ENOENT {
      #expect(error.prefixed("a").prefixed("b").message == "b: a: No such file or directory")
    }
  }
}
