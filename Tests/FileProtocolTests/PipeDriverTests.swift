// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import FileProtocol
import Host
import Support
import Testing

@Suite("Pipes as files of new images")
struct PipeDriverTests {
  /// What a pipe was handed on, and the error of `body`, if there was one.
  private func written(_ body: (Edge, PipeDriver) throws -> Void) throws -> [UInt8] {
    let folder = TemporaryFolder()
    let (path, copy) = (folder.file("pipe"), folder.file("copy"))
    let reader = Shell.run(
      "mkfifo pipe; { cat pipe > part; mv part copy; } > /dev/null 2>&1 &", folder: folder.path)
    try #require(reader.status == 0)
    do {
      let driver = PipeDriver(try File(pipe: path))
      let graph = Graph()
      let node = try graph.adopt(driver, fileName: path, flags: .writable)
      let user = try graph.use(node, "test", held: [.consistentRead, .write, .resize])
      try body(try #require(user.edge), driver)
      try graph.release(user)
    }
    // The reader is at the end as soon as nobody has the pipe open for writing.
    while FilePaths.kind(of: copy) == nil { Clock.sleep(seconds: 0.01) }
    return try Files.read(copy)
  }

  private func write(_ edge: Edge, _ offset: UInt64, _ bytes: [UInt8]) throws {
    let buffer = Buffer(bytes)
    try edge.write(at: offset, from: buffer.bytes)
  }

  @Test("until it begins, it is a file; from then on, what is written comes out in order")
  func order() throws {
    let large = [UInt8](repeating: 7, count: 3 << 20)
    let found = try written { edge, driver in
      try write(edge, 0, [1, 2, 3, 4])
      try write(edge, 1, [9])
      try edge.truncate(to: 3)
      #expect(edge.length == 3)
      #expect(try edge.array(at: 0, count: 3) == [1, 9, 3])
      driver.begin()
      // What comes between others later.
      try write(edge, 5, [5])
      try write(edge, 3, [3, 4])
      try write(edge, 8, large)
      try write(edge, 6, [6])
      #expect(edge.length == 8 + UInt64(large.count))
      try edge.writeZeroes(at: edge.length, length: 2)
      try driver.finish()
    }
    #expect(found == [1, 9, 3, 3, 4, 5, 6, 0] + large + [0, 0])
  }

  @Test("a length that was stated is filled up with zeros")
  func length() throws {
    let found = try written { edge, driver in
      try edge.truncate(to: 3 << 20 | 5)
      driver.begin()
      try write(edge, 0, [1])
      try driver.finish()
    }
    #expect(found == [1] + [UInt8](repeating: 0, count: 3 << 20 | 4))
  }

  @Test("what was handed on is neither read nor written again, and nothing is held without end")
  func refused() throws {
    _ = try written { edge, driver in
      driver.begin()
      try write(edge, 0, [UInt8](repeating: 1, count: 2 << 20))
      for body: (Edge) throws -> Void in [
        { _ = try $0.array(at: 0, count: 1) }, { try self.write($0, 5, [1]) }, { try $0.truncate(to: 1000) },
        { try self.write($0, 100 << 20, [1]) },
        { try $0.truncate(to: 9 << 20, preallocation: .full) },
      ] {
        let error = #expect(throws: BlockError.self) { try body(edge) }
        #expect(error?.kind == .unsupported)
      }
    }
  }

  @Test("what is not finished is not handed on as a whole")
  func unfinished() throws {
    let found = try written { edge, driver in
      driver.begin()
      try write(edge, 0, [UInt8](repeating: 1, count: 100))
    }
    #expect(found.isEmpty)
  }

  @Test("what is no pipe is refused")
  func others() throws {
    let folder = TemporaryFolder()
    try Files.write([1], to: folder.file("file"))
    let error = #expect(throws: BlockError.self) { _ = try File(pipe: folder.file("file")) }
    #expect(error?.kind == .invalidArgument)
  }
}
