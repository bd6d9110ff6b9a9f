// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CLinux
package import Errors
internal import Glibc
internal import Synchronization

/// An open file or block device: positioned I/O that may be called from any thread.
///
/// The descriptor closes with the last reference. No call uses the shared file position, except that
/// seeking for data and holes moves it. Errors carry the system's own words; the caller adds the file name.
package final class File: Sendable {
  /// The kind of file system object that was opened.
  package enum Kind: Sendable {
    case regular
    case blockDevice
    case characterDevice
    case directory
    /// A pipe, also one that has a name.
    case pipe
    case other
  }

  /// How a file is opened.
  package struct Mode: OptionSet, Sendable {
    /// The raw bits.
    package let rawValue: Int
    /// Makes a mode from raw bits.
    package init(rawValue: Int) { self.rawValue = rawValue }
    /// For writing as well as reading.
    package static let writable = Mode(rawValue: 1)
    /// Past the page cache (O_DIRECT); requests must then be aligned.
    package static let direct = Mode(rawValue: 2)
    /// Makes the file where it does not exist.
    package static let create = Mode(rawValue: 4)
    /// Fails where the file exists.
    package static let exclusive = Mode(rawValue: 8)
    /// A file that is made can be read and written by its owner only.
    package static let ownerOnly = Mode(rawValue: 16)
  }

  let descriptor: Int32
  /// The kind of file system object this is.
  package let kind: Kind
  /// Whether the descriptor allows writing.
  package let isWritable: Bool

  /// Whether reading and writing go past the page cache: asked of the system once, since every change of the graph asks.
  let direct: Atomic<Bool>

  init(owning descriptor: Int32, isWritable: Bool) throws(BlockError) {
    self.descriptor = descriptor
    self.isWritable = isWritable
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = BlockError(system: errno)
      _ = close(descriptor)
      throw error
    }
    kind = Kind(status)
    direct = Atomic(fcntl(descriptor, F_GETFL) & LINUX_O_DIRECT != 0)
  }

  /// Opens the file at `path` without waiting for anyone (a FIFO does not block).
  ///
  /// - Throws: the system's reason, without the path.
  package convenience init(path: String, mode: Mode) throws(BlockError) {
    let permissions: mode_t = mode.contains(.ownerOnly) ? 0o600 : 0o644
    let descriptor: Int32
    do throws(BlockError) {
      descriptor = try File.descriptor(path: path, flags: mode.flags, permissions: permissions)
    } catch {
      throw mode.contains(.direct) ? error.tellingOfDirect : error
    }
    try self.init(owning: descriptor, isWritable: mode.contains(.writable))
  }

  /// Opens the pipe at `path` for writing; waits until somebody reads it.
  ///
  /// - Throws: the system's reason, without the path; kind `invalidArgument` for what is no pipe.
  package convenience init(pipe path: String) throws(BlockError) {
    try self.init(
      owning: File.descriptor(path: path, flags: O_WRONLY | O_CLOEXEC | O_NOCTTY), isWritable: true)
    guard kind == .pipe else { throw BlockError(.invalidArgument, "not a pipe") }
  }

  /// - Parameter folder: where a relative path starts, which is opened and never made; nil for the working folder.
  static func descriptor(
    path: String, in folder: Int32? = nil, flags: Int32, permissions: mode_t = 0o644
  ) throws(BlockError) -> Int32 {
    // A zero byte would silently cut the name for the C library.
    let cName = path.cName
    guard cName.firstIndex(of: 0) == cName.count - 1 else {
      throw BlockError(.invalidArgument, "file name contains a zero byte")
    }
    while true {
      let descriptor =
        if let start = folder {
          unsafe linux_open_at(start, cName, flags)
        } else {
          unsafe linux_open(cName, flags, permissions)
        }
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw BlockError(system: errno) }
    }
  }

  deinit {
    _ = close(descriptor)
  }

  // MARK: Sizes

  /// The length in bytes; of a block device, its capacity.
  package func length() throws(BlockError) -> UInt64 {
    if kind == .blockDevice {
      var bytes: UInt64 = 0
      guard unsafe linux_block_size(descriptor, &bytes) == 0 else { throw BlockError(system: errno) }
      return bytes
    }
    return UInt64(clamping: try status().st_size)
  }

  /// Bytes that the file system holds for the file.
  package func allocatedLength() throws(BlockError) -> UInt64 {
    UInt64(clamping: try status().st_blocks) &* 512
  }

  /// The identity that tells this file from every other on the machine.
  package func identity() throws(BlockError) -> FileIdentity {
    FileIdentity(try status())
  }

  /// The request size in bytes that direct I/O needs: the sector size of a device, else a page.
  package var directAlignment: Int {
    var bytes: UInt32 = 0
    if kind == .blockDevice, unsafe linux_block_sector(descriptor, &bytes) == 0, bytes >= 512, bytes <= 4096 {
      return Int(bytes)
    }
    return 4096
  }

  func status() throws(BlockError) -> stat {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw BlockError(system: errno) }
    return status
  }

  // MARK: Reading and writing

  /// Reads at `offset` until the buffer is full or the file ends; returns the bytes read.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) -> Int {
    var done = 0
    while done < buffer.byteCount {
      let position = try File.position(offset, done)
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe pread(descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, position)
      }
      if count < 0 {
        if errno == EINTR { continue }
        let error = BlockError(system: errno)
        // Direct I/O cannot be told to go on behind an end of file that is not aligned.
        if done > 0 && error.systemError == EINVAL, try position >= Int64(clamping: length()) { break }
        throw error
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes all of `data` at `offset`.
  package func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    var done = 0
    while done < data.byteCount {
      let position = try File.position(offset, done)
      let count = unsafe data.withUnsafeBytes { bytes in
        unsafe pwrite(descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, position)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw BlockError(system: errno)
      }
      done += count
    }
  }

  /// Writes all of `data` behind what was written before, to a pipe; waits for its reader.
  package func append(_ data: RawSpan) throws(BlockError) {
    var done = 0
    while done < data.byteCount {
      let count = unsafe data.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw BlockError(system: errno)
      }
      done += count
    }
  }

  /// Makes everything written so far durable.
  package func synchronize() throws(BlockError) {
    guard fdatasync(descriptor) == 0 else { throw BlockError(system: errno) }
  }

  /// Throws what the system tells of earlier writes when a file is closed, as quotas, NFS and FUSE do: the last
  /// reference, which closes it in the end, could tell nobody.
  package func reportCloseErrors() throws(BlockError) {
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard duplicate >= 0 else { throw BlockError(system: errno) }
    // Interrupted, it is closed all the same.
    guard close(duplicate) == 0 || errno == EINTR else { throw BlockError(system: errno) }
  }

  /// Sets the length in bytes; new bytes read as zero.
  package func truncate(to length: UInt64) throws(BlockError) {
    let position = try File.position(length, 0)
    while ftruncate(descriptor, position) != 0 {
      if errno != EINTR { throw BlockError(system: errno) }
    }
  }

  static func position(_ offset: UInt64, _ further: Int) throws(BlockError) -> off_t {
    guard let sum = offset.plus(UInt64(further)), let position = off_t(exactly: sum) else {
      throw BlockError(system: EFBIG)
    }
    return position
  }
}

extension File.Kind {
  init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .regular
    case S_IFBLK: self = .blockDevice
    case S_IFCHR: self = .characterDevice
    case S_IFDIR: self = .directory
    case S_IFIFO: self = .pipe
    default: self = .other
    }
  }
}

extension File.Mode {
  /// Those of open(2), which does not wait for anyone.
  var flags: Int32 {
    var flags = (contains(.writable) ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    if contains(.direct) { flags |= LINUX_O_DIRECT }
    if contains(.create) { flags |= O_CREAT }
    if contains(.exclusive) { flags |= O_EXCL }
    return flags
  }
}

/// The identity that tells one file from every other on the machine.
package struct FileIdentity: Hashable, Sendable {
  /// The device the file is on.
  package let device: UInt64
  /// The file's number there.
  package let inode: UInt64

  /// Of a block device, whatever its node in the file system, the number of the device itself.
  init(_ status: stat) {
    let isDevice = status.st_mode & S_IFMT == S_IFBLK
    device = UInt64(isDevice ? status.st_rdev : status.st_dev)
    inode = isDevice ? 0 : UInt64(status.st_ino)
  }
}
