// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// The answer of one layer about a guest range.
package struct Extent: Sendable, Equatable {
  /// The content of the range.
  package enum Kind: Sendable, Equatable {
    /// Bytes stored in this layer.
    case data
    /// Zeros, because this layer says so.
    case zero
    /// Nothing here: the backing file shows through, or zeros where there is none. Of storage: nothing that means
    /// anything.
    case unallocated
  }

  /// How the bytes are stored.
  package enum Encoding: Sendable, Equatable {
    /// As they are, at `location`.
    case plain
    /// Compressed: only the driver can read them.
    case compressed
    /// Encrypted at `location`: only the driver can read them.
    case encrypted
  }

  /// Bytes from the start of the request for which all this holds; at least 1, at most what was asked.
  package var length: UInt64
  /// The content of the range.
  package var kind: Kind
  /// How the bytes are stored.
  package var encoding: Encoding
  /// The child the range lies in and the byte offset there. Allocated zeros may have one too.
  package var location: Location?
  /// Whether the layer only shows what the child at `location` has: a hole there is no data here either.
  package var isPassThrough: Bool

  /// A place in a child.
  package struct Location: Sendable, Equatable {
    /// The slot of the child.
    package var slot: EdgeSlot
    /// The offset in the child in bytes.
    package var offset: UInt64

    /// Makes a location.
    package init(_ slot: EdgeSlot, _ offset: UInt64) {
      self.slot = slot
      self.offset = offset
    }
  }

  /// Makes an extent.
  package init(
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
package struct WriteSlot: Sendable {
  /// Bytes from the start of the request that fit here; at least 1.
  package var length: UInt64
  /// Where the first byte of the request goes.
  package var location: Extent.Location
  /// Guest bytes before the request that must be written along with their present content.
  package var fillBefore: UInt64
  /// Guest bytes after the request's `length` that must be written along with their present content.
  package var fillAfter: UInt64
  /// Known to the driver alone: what `finishWrite` has to link or to let go of. Nil where there is nothing to do.
  package var allocation: UInt64?

  /// Makes a slot.
  package init(
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

extension [Preallocation] {
  /// The modes without those that are about a format's tables.
  package static var ofData: [Preallocation] { [.off, .falloc, .full] }
}

/// The ways in which space is allocated before it is written.
package enum Preallocation: String, Sendable, CaseIterable {
  /// Nothing is allocated.
  case off
  /// The format's tables are written, its data clusters are not.
  case metadata
  /// Space is reserved without writing it.
  case falloc
  /// Zeros are written.
  case full
}

extension BlockError {
  /// The error of a new image, or of storage, that is not to be had with a mode, but with others.
  package static func noPreallocation(_ mode: Preallocation, but others: [Preallocation] = .ofData)
    -> BlockError
  {
    BlockError(
      .unsupported, "Unsupported preallocation mode: \(mode.rawValue)", advice: advice(of: others))
  }

  /// The error of an image that does not become longer in a mode: `qemu-img` writes this one in another way.
  package static func noGrowth(_ mode: Preallocation, but others: [Preallocation] = .ofData) -> BlockError {
    BlockError(
      .unsupported, "Unsupported preallocation mode '\(mode.rawValue)'", advice: advice(of: others))
  }

  private static func advice(of modes: [Preallocation]) -> Advice {
    let names = modes.map(\.rawValue).joined(separator: ", ")
    return modes.count == 1 ? "'preallocation' can only be \(names)." : "'preallocation' is one of \(names)."
  }

  /// The error of a disk that is to end within a sector.
  package static let noWholeSectors = BlockError(
    .invalidArgument, "The new size must be a multiple of 512")
}
