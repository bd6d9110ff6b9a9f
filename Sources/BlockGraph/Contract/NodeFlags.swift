// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// How a node is open, and how it came to be.
package struct NodeFlags: OptionSet, Sendable, Hashable {
  /// The raw bits.
  package let rawValue: UInt16
  /// Makes a set from raw bits.
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// May be written when a user holds the permission.
  package static let writable = NodeFlags(rawValue: 1)
  /// Holds no permissions; another program may own the image.
  package static let inactive = NodeFlags(rawValue: 2)
  /// Opened for its metadata only: guest data is not read.
  package static let noIO = NodeFlags(rawValue: 4)
  /// The format was guessed from the content.
  package static let probed = NodeFlags(rawValue: 8)
  /// Inserted by the engine; users do not see it.
  package static let implicit = NodeFlags(rawValue: 16)
  /// Opened although others may write (`-U`); only ever for reading.
  package static let forceShare = NodeFlags(rawValue: 32)
  /// Past the page cache.
  package static let direct = NodeFlags(rawValue: 64)
  /// Flush requests are ignored: the user that opened the node does not care about a crash.
  package static let noFlush = NodeFlags(rawValue: 128)
  /// Every write is made durable before it is reported done.
  package static let writeThrough = NodeFlags(rawValue: 256)
  /// Format metadata is being checked: images that need repair may be opened all the same.
  package static let checking = NodeFlags(rawValue: 512)
  /// Discard requests reach the storage.
  package static let unmap = NodeFlags(rawValue: 1024)
  /// Zeros are stored even where nothing lies below that could show through: a backing file is going to.
  package static let storesZeroes = NodeFlags(rawValue: 2048)
  /// Data that is written and happens to be zeros is stored as zeros are.
  package static let detectsZeroes = NodeFlags(rawValue: 4096)
  /// Zeros that are detected may give space up.
  package static let unmapsDetected = NodeFlags(rawValue: 8192)

  /// All that a check finds may be mended, which it says besides `checking`: a repair of leaks leaves the rest as it is.
  package static let repairing = NodeFlags(rawValue: 16384)

  /// Those of an image that is looked at by a check, or mended by a repair.
  package init(checkingWith repair: CheckRepair?) {
    self = .checking
    if repair != nil { insert(.writable) }
    if repair == .all { insert(.repairing) }
  }

  /// What is said of one node alone, and not of the files and images that it stands on.
  static let ofOneNode: NodeFlags = [.probed, .checking, .repairing, .detectsZeroes, .unmapsDetected]
  /// Those of them that the parts of an image get from it.
  static let ofCheck: NodeFlags = [.checking, .repairing]
  /// Both flags about zeros that are detected.
  static let detection: NodeFlags = [.detectsZeroes, .unmapsDetected]
}

/// The limits that a node sets to the requests it gets.
package struct Limits: Sendable, Equatable {
  /// Offsets, lengths and memory of requests must be multiples of this many bytes; a power of two.
  package var requestAlignment: UInt64 = 1
  /// The largest request in bytes.
  package var maximumTransfer: UInt64 = 1 << 30
  /// The unit in bytes in which the node allocates, or 0 where it does not: any multiple of a sector.
  package var clusterSize: UInt64 = 0
  /// The longest part of a unit in bytes that copying takes into memory, of which several stay in a core's cache. A format
  /// has more where a new unit is written as a whole.
  package var largestCopyUnit: UInt64 = 256 << 10

  /// The part of a unit in bytes that can hold data while the rest shows what lies below, or 0 where units are whole.
  package var partSize: UInt64 = 0
  /// The unit in bytes in which content is decoded as a whole, or 0 where no more is than is asked for.
  package var decodingUnit: UInt64 = 0

  /// The unit in bytes in which the node is copied to: an allocation unit, or an equal part of it where that is longer
  /// than what copying takes into memory; 0 where the node has no unit.
  package var copyUnit: UInt64 {
    guard clusterSize > largestCopyUnit else { return clusterSize }
    var parts = clusterSize.dividedUp(by: max(largestCopyUnit, 512))
    while parts <= clusterSize / 512 {
      if clusterSize % parts == 0, clusterSize / parts % 512 == 0 { return clusterSize / parts }
      parts += 1
    }
    return 512
  }

  /// The largest request that is a multiple of the alignment.
  var largestRequest: UInt64 {
    max(maximumTransfer.roundedDown(to: max(requestAlignment, 1)), requestAlignment, 1)
  }
  /// The largest request that goes through memory of our own.
  var largestBounce: UInt64 { min(largestRequest, max(1 << 20, requestAlignment)) }

  /// Limits of a node that takes any request.
  package init() {}
}
