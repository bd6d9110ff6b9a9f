// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// Fixed-width integers at byte offsets. Each accessor traps outside the span: a parser checks its length
// once at the top and then reads by the specification's offsets. All are inlinable, since on-disk tables
// are decoded through them entry by entry.

extension RawSpan {
  /// The byte at `offset`.
  @inlinable package func byte(at offset: Int) -> UInt8 {
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The big-endian 16-bit integer at `offset` bytes.
  @inlinable package func big16(at offset: Int) -> UInt16 {
    UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The big-endian 32-bit integer at `offset` bytes.
  @inlinable package func big32(at offset: Int) -> UInt32 {
    UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The big-endian 64-bit integer at `offset` bytes.
  @inlinable package func big64(at offset: Int) -> UInt64 {
    UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The little-endian 16-bit integer at `offset` bytes.
  @inlinable package func little16(at offset: Int) -> UInt16 {
    UInt16(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The little-endian 32-bit integer at `offset` bytes.
  @inlinable package func little32(at offset: Int) -> UInt32 {
    UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The little-endian 64-bit integer at `offset` bytes.
  @inlinable package func little64(at offset: Int) -> UInt64 {
    UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The bytes of `range`, which must lie inside the span.
  @inlinable @_lifetime(copy self)
  package func slice(_ range: Range<Int>) -> RawSpan { extracting(range) }

  /// A copy of the bytes of `range`, which must lie inside the span.
  package func bytes(_ range: Range<Int>) -> [UInt8] {
    unsafe extracting(range).withUnsafeBytes { unsafe Array($0) }
  }

  /// The bytes of `range` as UTF-8, or nil where they are none. `range` must lie inside the span.
  package func utf8(_ range: Range<Int>) -> String? {
    String(validating: bytes(range), as: UTF8.self)
  }
}

extension MutableRawSpan {
  /// Writable access to the bytes of `range`, which must lie inside the span.
  @inlinable @_lifetime(&self)
  package mutating func slice(_ range: Range<Int>) -> MutableRawSpan { _mutatingExtracting(range) }

  /// Stores `value` at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func store(_ value: UInt8, at offset: Int) {
    storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  /// Stores `value` big-endian at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func storeBig(_ value: UInt16, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }

  /// Stores `value` big-endian at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func storeBig(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// Stores `value` big-endian at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func storeBig(_ value: UInt64, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
  }

  /// Stores `value` little-endian at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func storeLittle(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// Stores `value` little-endian at `offset` bytes.
  @inlinable @_lifetime(self: copy self)
  package mutating func storeLittle(_ value: UInt64, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
  }

  /// Copies all of `source` to `offset`.
  @inlinable @_lifetime(self: copy self)
  package mutating func copy(_ source: RawSpan, at offset: Int = 0) {
    precondition(offset >= 0 && source.byteCount <= byteCount - offset, "copy past the end of a span")
    guard source.byteCount > 0 else { return }
    let count = source.byteCount
    unsafe withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { bytes in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + count]).copyMemory(
          from: bytes)
      }
    }
  }

  /// Moves the bytes of `range` to `offset`; the two places may overlap.
  @inlinable @_lifetime(self: copy self)
  package mutating func move(_ range: Range<Int>, to offset: Int = 0) {
    precondition(
      range.upperBound <= byteCount && offset >= 0 && range.count <= byteCount - offset,
      "move past the end of a span")
    unsafe withUnsafeMutableBytes { bytes in
      unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + range.count]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }

  /// Combines the bytes from `offset` on with those of `source` by exclusive or.
  @inlinable @_lifetime(self: copy self)
  package mutating func formXOR(_ source: RawSpan, at offset: Int = 0) {
    precondition(offset >= 0 && source.byteCount <= byteCount - offset, "exclusive or past the end of a span")
    var index = 0
    while index + 8 <= source.byteCount {
      storeLittle(bytes.little64(at: offset + index) ^ source.little64(at: index), at: offset + index)
      index += 8
    }
    while index < source.byteCount {
      store(bytes.byte(at: offset + index) ^ source.byte(at: index), at: offset + index)
      index += 1
    }
  }

  /// Sets every byte to `value`.
  @inlinable @_lifetime(self: copy self)
  package mutating func fill(_ value: UInt8 = 0) {
    unsafe withUnsafeMutableBytes { target in
      _ = unsafe target.initializeMemory(as: UInt8.self, repeating: value)
    }
  }
}
