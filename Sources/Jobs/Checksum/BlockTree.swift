// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Errors

/// The digests of a disk's blocks, put together in order to one.
///
/// The content is cut into blocks of 64 KiB, the last one filled up with zeros, and each is hashed. 256 digests in a
/// row, those of zero blocks standing in behind the last, are hashed to one digest of the next level, and so on,
/// once at least, until there is only one. That and the length of the content in bytes, as eight bytes with the
/// lowest first, are hashed to the result. Zeros need no hashing, at any level.
struct BlockTree {
  /// Bytes in a block.
  static let blockSize = 64 << 10
  /// Digests in a group.
  static let groupCount = 256
  /// Bytes of content that the digests of the first level stand for.
  static let groupSize = UInt64(blockSize * groupCount)

  private struct Level {
    /// Digests that no group is complete of yet, end to end.
    var digests: [UInt8] = []
    var count = 0
  }

  private let hash: RunningHash
  private var levels: [Level] = []
  /// The digest of nothing but zeros at each level; the first is that of a group of blocks.
  private var zeroes: [[UInt8]]
  private var groups: UInt64 = 0

  init(_ algorithm: ContentHash) throws(BlockError) {
    hash = try algorithm.begin()
    zeroes = [try BlockTree.zeroGroup(algorithm)]
  }

  /// The digest of a zero block.
  static func zeroBlock(_ algorithm: ContentHash) throws(BlockError) -> [UInt8] {
    let hash = try algorithm.begin()
    try hash.update([UInt8](repeating: 0, count: blockSize))
    return try hash.finish()
  }

  /// The digest of a group of zero blocks.
  static func zeroGroup(_ algorithm: ContentHash) throws(BlockError) -> [UInt8] {
    let block = try zeroBlock(algorithm)
    let hash = try algorithm.begin()
    for _ in 0..<groupCount { try hash.update(block) }
    return try hash.finish()
  }

  /// Adds the digest of the next group of blocks.
  mutating func append(group digest: [UInt8]) throws(BlockError) {
    groups += 1
    try append(digest, level: 0)
  }

  /// Adds groups of zero blocks.
  mutating func append(zeroGroups count: UInt64) throws(BlockError) {
    groups += count
    try appendZeroes(count, level: 0)
  }

  private mutating func append(_ digest: [UInt8], level: Int) throws(BlockError) {
    if levels.count <= level { levels.append(Level()) }
    levels[level].digests += digest
    levels[level].count += 1
    guard levels[level].count == BlockTree.groupCount else { return }
    try hash.update(levels[level].digests)
    levels[level] = Level()
    try append(try hash.finish(), level: level + 1)
  }

  private mutating func appendZeroes(_ count: UInt64, level: Int) throws(BlockError) {
    var count = count
    let whole = UInt64(BlockTree.groupCount)
    if levels.count <= level { levels.append(Level()) }
    while count > 0 {
      if levels[level].count == 0 && count >= whole {
        try appendZeroes(count / whole, level: level + 1)
        count %= whole
      } else {
        try append(try zero(level), level: level)
        count -= 1
      }
    }
  }

  private mutating func zero(_ level: Int) throws(BlockError) -> [UInt8] {
    while zeroes.count <= level {
      let below = zeroes[zeroes.count - 1]
      for _ in 0..<BlockTree.groupCount { try hash.update(below) }
      zeroes.append(try hash.finish())
    }
    return zeroes[level]
  }

  /// The digest of the whole content, which is `length` bytes long.
  mutating func finish(length: UInt64) throws(BlockError) -> [UInt8] {
    if groups == 0 { try append(zeroGroups: 1) }
    var top = 0
    var width = groups
    while width > 1 {
      width = (width - 1) / UInt64(BlockTree.groupCount) + 1
      top += 1
    }
    for level in 0..<top where levels[level].count > 0 {
      try appendZeroes(UInt64(BlockTree.groupCount - levels[level].count), level: level)
    }
    try hash.update(levels[top].digests)
    var bytes: [UInt8] = []
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(8 * shift))) }
    try hash.update(bytes)
    return try hash.finish()
  }
}
