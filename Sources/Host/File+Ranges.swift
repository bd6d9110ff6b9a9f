// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Errors
internal import Glibc
internal import Synchronization

extension File {
  /// A stretch of a file that is all data or all hole.
  package struct Stretch: Sendable, Equatable {
    /// Whether the file system holds data there; a hole reads as zero.
    package var isData: Bool
    /// The offset at which the stretch ends, in bytes.
    package var end: UInt64
  }

  /// The stretch of data or hole that `offset` lies in, or nil where the file system cannot tell.
  ///
  /// At and past the end of the file the answer is a hole that ends at `UInt64.max`.
  package func stretch(at offset: UInt64) throws(BlockError) -> Stretch? {
    guard kind == .regular else { return nil }
    let position = try File.position(offset, 0)
    let data = linux_seek_data(descriptor, position)
    if data < 0 {
      // ENXIO: no data from here to the end of the file.
      if errno == ENXIO { return Stretch(isData: false, end: .max) }
      // Not every file system knows, and the answer is only a hint: a disk that is broken fails when it is read.
      return nil
    }
    if data > position { return Stretch(isData: false, end: UInt64(data)) }
    let hole = linux_seek_hole(descriptor, position)
    // Somebody may have cut the file between the two calls; then nothing is known.
    guard hole > position else { return nil }
    return Stretch(isData: true, end: UInt64(hole))
  }

  /// Allocates space for the range without changing what it reads as; grows the file to its end.
  ///
  /// - Throws: kind `unsupported` or a system error for which `isUnsupportedCall` holds where the file system cannot.
  package func allocate(at offset: UInt64, length: UInt64) throws(BlockError) {
    try call(offset, length) { linux_fallocate(descriptor, $0, $1) }
  }

  /// Allocates space for the range without changing what it reads as; the file stays as long as it is.
  package func allocateAhead(at offset: UInt64, length: UInt64) throws(BlockError) {
    try call(offset, length) { linux_fallocate_ahead(descriptor, $0, $1) }
  }

  /// Whether the file system writes faster where space is allocated already.
  package var writesFasterIntoAllocated: Bool { linux_writes_faster_into_allocated(descriptor) != 0 }

  /// Bytes that the file system has left.
  package func availableSpace() throws(BlockError) -> UInt64 {
    var status = statvfs()
    guard unsafe fstatvfs(descriptor, &status) == 0 else { throw BlockError(system: errno) }
    return status.bytes(UInt64(status.f_bavail))
  }

  /// Gives the range's space back; it then reads as zero.
  package func punchHole(at offset: UInt64, length: UInt64) throws(BlockError) {
    if kind == .blockDevice {
      guard linux_block_discard(descriptor, offset, length) == 0 else { throw BlockError(system: errno) }
      return
    }
    try call(offset, length) { linux_punch_hole(descriptor, $0, $1) }
  }

  /// Makes the range read as zero without writing it; with `mayUnmap`, also by giving its space back.
  package func zeroRange(at offset: UInt64, length: UInt64, mayUnmap: Bool) throws(BlockError) {
    if kind == .blockDevice {
      guard linux_block_zero(descriptor, offset, length) == 0 else { throw BlockError(system: errno) }
      return
    }
    try call(offset, length) { linux_zero_range(descriptor, $0, $1, mayUnmap ? 1 : 0) }
  }

  /// Lets the kernel copy at most `length` bytes to another file; returns the bytes copied, 0 at the end of this one.
  package func copyRange(at offset: UInt64, length: Int, to target: File, at targetOffset: UInt64)
    throws(BlockError)
    -> Int
  {
    let from = try File.position(offset, 0)
    let to = try File.position(targetOffset, 0)
    while true {
      let count = linux_copy_file_range(descriptor, from, target.descriptor, to, length)
      if count >= 0 { return count }
      if errno != EINTR { throw BlockError(system: errno) }
    }
  }

  /// Lets the system begin to write a range to the disk that has been written to the file, so that less is left to wait
  /// for later. A hint: nothing is durable by it, and what goes wrong is told by `synchronize`.
  package func beginWriteback(at offset: UInt64, length: UInt64) {
    guard let start = try? File.position(offset, 0), let count = try? File.position(length, 0) else { return }
    _ = linux_begin_writeback(descriptor, start, count)
  }

  /// Keeps the file system from copying blocks on write, as far as it knows the notion; for a fresh file.
  package func avoidCopyOnWrite() { _ = linux_set_nocow(descriptor) }

  /// Asks the file system to allocate in units of `bytes`, as far as it knows the notion; for a fresh file.
  package func hintExtentSize(_ bytes: UInt32) { _ = linux_set_extent_hint(descriptor, bytes) }

  /// Whether reading and writing go past the page cache.
  package var isDirect: Bool { direct.load(ordering: .relaxed) }

  /// Turns reading and writing past the page cache on or off.
  package func setDirect(_ direct: Bool) throws(BlockError) {
    let flag = LINUX_O_DIRECT
    guard linux_set_flags(descriptor, direct ? flag : 0, direct ? 0 : flag) == 0 else {
      let error = BlockError(system: errno)
      throw direct ? error.tellingOfDirect : error
    }
    self.direct.store(direct, ordering: .relaxed)
  }

  private func call(_ offset: UInt64, _ length: UInt64, _ body: (off_t, off_t) -> Int32) throws(BlockError) {
    let start = try File.position(offset, 0)
    let count = try File.position(length, 0)
    while body(start, count) != 0 {
      if errno != EINTR { throw BlockError(system: errno) }
    }
  }
}
