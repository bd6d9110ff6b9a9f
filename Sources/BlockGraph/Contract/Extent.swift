// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What one layer says about a guest range.
public struct Extent: Sendable, Equatable {
  /// What the range reads as.
  public enum Kind: Sendable, Equatable {
    /// Bytes stored in this layer.
    case data
    /// Zeros, because this layer says so.
    case zero
    /// Nothing here: the backing file shows through, or zeros where there is none. Of storage: nothing that means
    /// anything.
    case unallocated
  }

  /// How the bytes are stored.
  public enum Encoding: Sendable, Equatable {
    /// As they are, at `location`.
    case plain
    /// Compressed: only the driver can read them.
    case compressed
    /// Encrypted at `location`: only the driver can read them.
    case encrypted
  }

  /// Bytes from the start of the request for which all this holds; at least 1, at most what was asked.
  public var length: UInt64
  /// What the range reads as.
  public var kind: Kind
  /// How the bytes are stored.
  public var encoding: Encoding
  /// The child the range lies in and the byte offset there. Allocated zeros may have one too.
  public var location: Location?
  /// Whether the layer only shows what the child at `location` has: a hole there is no data here either.
  public var isPassThrough: Bool

  /// A place in a child.
  public struct Location: Sendable, Equatable {
    /// The slot of the child.
    public var slot: EdgeSlot
    /// The offset in the child in bytes.
    public var offset: UInt64

    /// Makes a location.
    public init(_ slot: EdgeSlot, _ offset: UInt64) {
      self.slot = slot
      self.offset = offset
    }
  }

  /// Makes an extent.
  public init(
    _ kind: Kind, length: UInt64, encoding: Encoding = .plain, location: Location? = nil,
    isPassThrough: Bool = false
  ) {
    self.kind = kind
    self.length = length
    self.encoding = encoding
    self.location = location
    self.isPassThrough = isPassThrough
  }
}

/// Where a format lets a guest range be written.
public struct WriteSlot: Sendable {
  /// Bytes from the start of the request that fit here; at least 1.
  public var length: UInt64
  /// Where the first byte of the request goes.
  public var location: Extent.Location
  /// Guest bytes before the request that must be written along with their present content.
  public var fillBefore: UInt64
  /// Guest bytes after the request's `length` that must be written along with their present content.
  public var fillAfter: UInt64
  /// Known to the driver alone: what `finishWrite` has to link or to let go of. Nil where there is nothing to do.
  public var allocation: UInt64?

  /// Makes a slot.
  public init(
    length: UInt64, location: Extent.Location, fillBefore: UInt64 = 0, fillAfter: UInt64 = 0,
    allocation: UInt64? = nil
  ) {
    self.length = length
    self.location = location
    self.fillBefore = fillBefore
    self.fillAfter = fillAfter
    self.allocation = allocation
  }
}

/// What is known about space that is allocated before it is written.
public enum Preallocation: String, Sendable, CaseIterable {
  /// Nothing is allocated.
  case off
  /// The format's tables are written, its data clusters are not.
  case metadata
  /// Space is reserved without writing it.
  case falloc
  /// Zeros are written.
  case full
}
