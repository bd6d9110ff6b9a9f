// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Heap memory aligned for direct I/O, zero-filled when made.
///
/// A buffer has one user at a time: it is not `Sendable`, and a thread that hands one to another gives it up.
@safe
package final class Buffer {
  /// Bytes every buffer is aligned to; enough for direct I/O on any device in use.
  package static let alignment = 4096

  /// Size in bytes.
  package let count: Int
  private let base: UnsafeMutableRawPointer

  /// Allocates `count` zero bytes; `count` may be 0.
  package init(count: Int) {
    self.count = count
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: Buffer.alignment)
    unsafe linux_clear(base, count)
  }

  /// A buffer that holds a copy of `bytes`.
  package convenience init(copying bytes: RawSpan) {
    self.init(count: bytes.byteCount)
    var target = mutableBytes
    target.copy(bytes)
  }

  /// A buffer that holds a copy of `bytes`.
  package convenience init(_ bytes: [UInt8]) {
    unsafe self.init(copying: bytes.span.bytes)
  }

  /// A copy of all bytes.
  package var array: [UInt8] { unsafe bytes.withUnsafeBytes { unsafe Array($0) } }

  deinit {
    unsafe base.deallocate()
  }

  /// All bytes, for reading.
  package var bytes: RawSpan {
    @_lifetime(borrow self) get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All bytes, for writing.
  package var mutableBytes: MutableRawSpan {
    @_lifetime(borrow self) get {
      let span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
