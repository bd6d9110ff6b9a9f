// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
internal import Glibc

/// Bytes that must not outlive their use: a passphrase or a key. Overwritten when the last reference goes.
///
/// They lie in pages of their own that no core dump has and that are not swapped out, where the process may lock so
/// much memory.
///
/// Nothing prints one: it has no description, and no error or output is made from its bytes.
@safe
package final class Secret: @unchecked Sendable {
  // Sendable because nothing changes the bytes between the end of `init` and the start of `deinit`.

  /// Number of bytes.
  package let count: Int
  private let base: UnsafeMutableRawPointer
  /// Bytes of the pages.
  private let room: Int

  /// A secret of `count` bytes that `fill` writes.
  package init<Failure: Error>(count: Int, filledBy fill: (inout MutableRawSpan) throws(Failure) -> Void)
    throws(Failure)
  {
    self.count = count
    let page = 4096
    room = (max(count, 1) + page - 1) / page * page
    let pages = unsafe mmap(nil, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pages = unsafe pages, unsafe pages != UnsafeMutableRawPointer(bitPattern: -1) else {
      // As where Swift's own memory ends.
      fatalError("no memory for a secret")
    }
    unsafe base = pages
    // The system limits how much a process may lock; a key that is not locked is still better than none.
    _ = unsafe mlock(base, room)
    _ = unsafe madvise(base, room, Int32(MADV_DONTDUMP))
    var bytes = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
    try fill(&bytes)
  }

  /// A secret that holds a copy of `bytes`; the caller's copy is the caller's to wipe.
  package convenience init(copying bytes: RawSpan) {
    self.init(count: bytes.byteCount) { target in target.copy(bytes) }
  }

  deinit {
    unsafe explicit_bzero(base, count)
    _ = unsafe munmap(base, room)
  }

  /// Whether the bytes are those of `other`; takes as long whatever they are.
  package func hasSameBytes(as other: RawSpan) -> Bool {
    guard count == other.byteCount else { return false }
    var difference: UInt8 = 0
    for index in 0..<count { difference |= bytes.byte(at: index) ^ other.byte(at: index) }
    return difference == 0
  }

  /// Whether the bytes are UTF-8.
  package var isText: Bool {
    let bytes = unsafe Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
    return (try? UTF8Span(validating: bytes)) != nil
  }

  /// The bytes, for reading.
  package var bytes: RawSpan {
    @_lifetime(borrow self) get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
