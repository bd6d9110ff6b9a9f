// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
@testable import Host
import Support
import Testing

struct FileLockTests {
  private let folder = TemporaryFolder()

  private func open() throws -> File { try File(path: folder.file("x"), mode: [.writable, .create]) }

  /// Whether `condition` comes true soon: a process that another test starts holds all descriptors for a moment.
  private func eventually(_ condition: () throws -> Bool) throws -> Bool {
    for _ in 0..<1000 {
      if try condition() { return true }
      Clock.sleep(seconds: 0.002)
    }
    return false
  }

  @Test("shared locks tolerate each other and are seen by others only")
  func shared() throws {
    let (first, second) = (try open(), try open())
    #expect(try first.lockHolder(byte: 100) == nil)
    #expect(try first.lockShared(byte: 100) && second.lockShared(byte: 100))
    // The system does not know a process for locks of open files.
    let holder = try #require(try first.lockHolder(byte: 100))
    #expect(holder.process == nil)
    try second.unlock(byte: 100)
    #expect(try first.lockHolder(byte: 100) == nil)
    #expect(try second.lockHolder(byte: 100) != nil)
    #expect(try second.lockHolder(byte: 101) == nil && second.lockHolder(byte: 99) == nil)
    try first.unlock(byte: 100)
    try first.unlock(byte: 100)
    #expect(try second.lockHolder(byte: 100) == nil)
  }

  @Test("a lock ends with the file that took it, not with another open of the same file")
  func ends() throws {
    let observer = try open()
    var holder: File? = try open()
    #expect(try holder?.lockShared(byte: 7) == true)
    _ = try open().length()
    #expect(try observer.lockHolder(byte: 7) != nil)
    holder = nil
    _ = holder
    #expect(try eventually { try observer.lockHolder(byte: 7) == nil })
  }

  @Test("an exclusive lock stands in the way, and its process is named")
  func exclusive() throws {
    let file = try open()
    let descriptor = unsafe Glibc.open(folder.file("x"), O_RDWR)
    #expect(descriptor >= 0)
    // A lock of the process, as older programs take: it belongs to somebody else than the open file's.
    var lock = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 50, l_len: 1, l_pid: 0)
    #expect(unsafe fcntl(descriptor, F_SETLK, &lock) == 0)
    #expect(try file.lockShared(byte: 50) == false)
    #expect(try file.lockHolder(byte: 50)?.process == Int64(getpid()))
    #expect(try file.lockShared(byte: 51))
    close(descriptor)
    #expect(try eventually { try file.lockShared(byte: 50) })
  }

  @Test(
    "P-09 another process that holds a lock is found, whatever its name, and before it ourselves are not",
    arguments: [
      ("qemu-nbd", "qemu-nbd"), ("жук", "жук"), ("$'n\\xE9\\t'", "n\\xE9\\x09"),
      ("$'one\\ntwo'", "one\\x0Atwo"),
      ("'a (b) ?'", "a (b) ?"),
    ])
  func process(_ command: String, _ name: String) throws {
    let path = folder.file("x")
    try Files.write(Array(repeating: 0, count: 65536), to: path)
    let started = Shell.run(
      """
      ln -s "$(type -P qemu-nbd)" \(command)
      ./\(command) -t --fork --pid-file=pid -f raw -k "$PWD/socket" x >/dev/null 2>&1 && cat pid
      """,
      folder: folder.path)
    let id = try #require(Int64(started.output.prefix { $0.isNumber }), "\(started.output)")
    defer { _ = Shell.run("kill -9 $1", "\(id)") }
    // Another file, of which nobody holds anything, and two of ours.
    let (file, second) = (try open(), try open())
    #expect(try file.lockShared(byte: 100) && second.lockShared(byte: 100) && second.lockShared(byte: 50))
    #expect(try file.lockHolder(byte: 100)?.process == nil)
    #expect(file.processLocking(byte: 100)?.description.shown == "process \(id) (\(name))")
    #expect(file.processLocking(byte: 100)?.isThisOne == false)
    #expect(file.processLocking(byte: 50)?.isThisOne == true)
    #expect(second.processLocking(byte: 50) == nil && file.processLocking(byte: 99) == nil)
    #expect(file.processLocking(byte: 50, known: id)?.id == id)
    _ = Shell.run("kill -9 $1", "\(id)")
    #expect(try eventually { file.processLocking(byte: 100)?.isThisOne == true })
  }

  @Test(
    "a lock is read from the description of an open file",
    arguments: [
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4711 100 101", true),
      ("lock:\t1: OFDLCK ADVISORY  WRITE -1 fe:00:4711 0 EOF", true),
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4711 102 103", false),
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4711 99 100", false),
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4712 100 101", false),
      ("lock:\t1: POSIX  ADVISORY  READ 12 fe:00:4711 100 101", false),
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4711 x EOF", false),
      ("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:4711 100", false), ("flags:\t02100002", false), ("", false),
    ])
  func described(_ line: String, _ isLock: Bool) {
    #expect(File.hasLock(line[...], byte: 101, inode: 4711) == isLock)
  }

  @Test("bytes past the largest offset are refused")
  func range() throws {
    let file = try open()
    #expect(throws: BlockError.self) { try file.lockShared(byte: .max) }
    #expect(throws: BlockError.self) { try file.unlock(byte: .max) }
    #expect(throws: BlockError.self) { try file.lockHolder(byte: .max) }
  }
}
