// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Glibc

/// A process of this machine.
package struct RunningProcess: Sendable, Equatable, CustomStringConvertible {
  /// Its number.
  package let id: Int64
  /// The name it runs under, spelled as names are, at most 15 bytes; empty where it cannot be told.
  package let name: String
  /// Whether it is the one that asks.
  package var isThisOne: Bool { id == Int64(getpid()) }
  /// `process 4711 (qemu-nbd)`.
  package var description: String { "process \(id)" + (name.isEmpty ? "" : " (\(name))") }

  /// The process that asks.
  package static var this: RunningProcess { RunningProcess(Int64(getpid())) }

  init(_ id: Int64) {
    self.id = id
    // A process may give itself any name: one of several lines, too, and one that is no text.
    let bytes = ProcessTable.bytes("/proc/\(id)/comm")
    name = String(spelling: bytes.last == ProcessTable.lineFeed ? bytes.dropLast() : bytes[...])
  }
}

/// The search for the process that holds a lock of an open file: the kernel does not answer with a process then, but
/// tells each process's open files and their locks in `/proc`. Elsewhere than on Linux there is no such place, and no
/// answer.
extension File {
  /// The process that has a lock of the byte at `offset` through another open file than this one: another process
  /// before this one. Nil where the system does not tell; processes of other users are told to root only.
  ///
  /// - Parameter known: the process's number, where it is known.
  package func processLocking(byte offset: UInt64, known: Int64? = nil) -> RunningProcess? {
    if let known { return RunningProcess(known) }
    guard let identity = try? identity() else { return nil }
    let this = Int64(getpid())
    let end = Clock.now + File.longestSearch
    var isOurs = false
    for process in ProcessTable.names(in: "/proc") {
      guard let id = Int64(process) else { continue }
      for number in ProcessTable.names(in: "/proc/\(process)/fd") {
        guard Clock.now < end else { return isOurs ? .this : nil }
        guard id != this || number != "\(descriptor)",
          File.isLocked(byte: offset, by: process, number, identity)
        else { continue }
        guard id == this else { return RunningProcess(id) }
        isOurs = true
      }
    }
    return isOurs ? .this : nil
  }

  /// A machine may have very many open files, and the answer only makes an error message clearer.
  private static let longestSearch = 1.0

  /// Whether the open file `number` of `process` is the file that is meant and has a lock of the byte.
  private static func isLocked(
    byte offset: UInt64, by process: String, _ number: String, _ identity: FileIdentity
  ) -> Bool {
    let link = "/proc/\(process)/fd/\(number)"
    // Told before the file itself is asked, which may be on a server that does not answer.
    guard FilePaths.linkTarget(link)?.hasPrefix("/") == true else { return false }
    let lines = ProcessTable.text("/proc/\(process)/fdinfo/\(number)").split(separator: "\n")
    for line in lines where hasLock(line, byte: offset, inode: identity.inode) {
      return FilePaths.identity(of: link) == identity
    }
    return false
  }

  /// Whether a line of a file's description, such as `lock: 1: OFDLCK ADVISORY READ -1 fe:00:4711 100 101`, is a
  /// lock that includes the byte. The device is not looked at: some file systems have several numbers.
  static func hasLock(_ line: Substring, byte offset: UInt64, inode: UInt64) -> Bool {
    let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
    guard words.count == 9, words[0] == "lock:", words[2] == "OFDLCK",
      words[6].split(separator: ":").last == "\(inode)",
      let first = UInt64(words[7]), first <= offset
    else { return false }
    return words[8] == "EOF" || UInt64(words[8]).map { $0 >= offset } == true
  }
}

/// The system's processes as `/proc` tells of them, as folders and texts. Nothing where it does not.
private enum ProcessTable {
  /// The numbers that `folder` has entries for: processes, or their open files.
  static func names(in folder: String) -> [String] {
    guard let directory = unsafe opendir(folder.cName) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(spelling: bytes.prefix { $0 != 0 })
      }
      if UInt64(name) != nil { names.append(name) }
    }
    return names
  }

  static let lineFeed: UInt8 = 0x0A

  /// The beginning of a text, as much as one file's locks can be expected to need.
  static func text(_ path: String) -> String { String(validating: bytes(path), as: UTF8.self) ?? "" }

  /// The bytes of that.
  static func bytes(_ path: String) -> [UInt8] {
    guard let file = try? File(path: path, mode: []) else { return [] }
    let buffer = Buffer(count: 16384)
    var bytes = buffer.mutableBytes
    guard let count = try? file.read(at: 0, into: &bytes) else { return [] }
    return buffer.bytes.bytes(0..<count)
  }
}
