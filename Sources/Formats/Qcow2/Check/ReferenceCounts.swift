// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// How many references each host cluster has, in chunks that exist only where there are any.
///
/// A chunk has 2 bits for each cluster; it is made twice as wide, up to 16 bits, when a count no longer fits.
/// Counts beyond that are in a map beside them, which needs tens of thousands of references each.
struct ReferenceCounts {
  /// More memory than this is not taken: then the image cannot be checked.
  static let largestBytes = 1 << 30
  /// Up to this many clusters, all counters together are small; beyond, a sparse file could spread entries so
  /// that each fills a chunk of its own, and chunks are smaller.
  private static let manyClusters: UInt64 = 1 << 28
  /// Width of the first counters as a power of two, and of the widest.
  private static let narrowest: UInt64 = 1
  private static let widest: UInt64 = 4

  /// The counters of neighbouring clusters, the first in the lowest bits.
  private struct Chunk {
    /// Bits of a counter as a power of two.
    var order: UInt64
    var words: [UInt64]
  }

  private let chunkBits: UInt64
  private let limit: Int
  private var bytes = 0
  private var chunks: [Chunk] = []
  /// The places of the first chunks in `chunks`, plus 1.
  private var directory: [UInt32]
  /// Places of chunks that the directory is too short for.
  private var places: [UInt64: Int] = [:]
  private var overflow: [UInt64: UInt64] = [:]

  /// No references; `clusters` says how many clusters the file has, about, `limit` how many bytes counters may take.
  init(clusters: UInt64, limit: Int = ReferenceCounts.largestBytes) {
    self.limit = limit
    chunkBits = clusters <= ReferenceCounts.manyClusters ? 13 : 8
    let kept = clusters <= ReferenceCounts.manyClusters ? (clusters >> chunkBits) + 2 : 0
    directory = [UInt32](repeating: 0, count: Int(kept))
  }

  /// Clusters that one chunk counts.
  var chunkSize: UInt64 { 1 << chunkBits }

  private func place(_ key: UInt64) -> Int? {
    if key < UInt64(directory.count) {
      let place = directory[Int(key)]
      return place == 0 ? nil : Int(place) - 1
    }
    return places[key]
  }

  // MARK: Counting

  /// Adds references to a cluster.
  ///
  /// - Throws: `tooLarge` where the counters would need too much memory.
  mutating func add(_ references: UInt64 = 1, to cluster: UInt64) throws(BlockError) {
    let place = try madePlace(cluster >> chunkBits)
    let index = cluster & (chunkSize - 1)
    while true {
      let order = chunks[place].order
      let known = count(place, index)
      let most = ReferenceCounts.mask(order)
      let (sum, wrapped) = known.addingReportingOverflow(references)
      if !wrapped && (order < ReferenceCounts.widest ? sum <= most : sum < most) {
        return setCount(sum, place, index)
      }
      if order == ReferenceCounts.widest { return addToOverflow(references, cluster, place, index) }
      try widen(place)
    }
  }

  /// Adds a reference to each of neighbouring clusters.
  mutating func addOne(toEach clusters: Range<UInt64>) throws(BlockError) {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      let place = try madePlace(position >> chunkBits)
      let end = min((position >> chunkBits + 1) << chunkBits, clusters.upperBound)
      while position < end {
        let order = chunks[place].order
        let perWord: UInt64 = 64 >> order
        let index = position & (chunkSize - 1)
        let stop = min(end, position - index % perWord + perWord)
        if !addOneInWord(place, order, index, stop - position) {
          for cluster in position..<stop { try add(to: cluster) }
        }
        position = stop
      }
    }
  }

  /// Counts up some counters of one word, unless one of them would overflow.
  private mutating func addOneInWord(_ place: Int, _ order: UInt64, _ index: UInt64, _ count: UInt64) -> Bool
  {
    let shift = (index << order) & 63
    let bits = count << order
    let chosen = (bits == 64 ? UInt64.max : (1 << bits) - 1) << shift
    let word = Int((index << order) >> 6)
    let present = chunks[place].words[word]
    // A counter that is all ones is full.
    var full = present
    for step in 0..<order { full &= full >> (1 << step) }
    let ones = ReferenceCounts.lowest(order) & chosen
    guard full & ones == 0, order < ReferenceCounts.widest else { return false }
    chunks[place].words[word] = present + ones
    return true
  }

  private mutating func addToOverflow(
    _ references: UInt64, _ cluster: UInt64, _ place: Int, _ index: UInt64
  ) {
    let known = count(place, index)
    let most = ReferenceCounts.mask(ReferenceCounts.widest)
    let before = known == most ? overflow[cluster] ?? 0 : known
    let (total, tooMany) = before.addingReportingOverflow(references)
    overflow[cluster] = tooMany ? .max : total
    setCount(most, place, index)
  }

  private mutating func madePlace(_ key: UInt64) throws(BlockError) -> Int {
    if let place = place(key) { return place }
    let order = ReferenceCounts.narrowest
    let words = Int((chunkSize << order) >> 6)
    try takeMemory(words * 8)
    let place = chunks.count
    chunks.append(Chunk(order: order, words: [UInt64](repeating: 0, count: words)))
    if key < UInt64(directory.count) { directory[Int(key)] = UInt32(place + 1) } else { places[key] = place }
    return place
  }

  private mutating func takeMemory(_ count: Int) throws(BlockError) {
    guard bytes + count <= limit else {
      throw BlockError(
        .tooLarge, "the image is too large to be checked: its references do not fit 1 GiB of memory")
    }
    bytes += count
  }

  private mutating func widen(_ place: Int) throws(BlockError) {
    let old = chunks[place]
    try takeMemory(old.words.count * 8)
    var wide = Chunk(order: old.order + 1, words: [UInt64](repeating: 0, count: old.words.count * 2))
    for index in 0..<chunkSize {
      let count = ReferenceCounts.count(old, index)
      if count != 0 { ReferenceCounts.setCount(count, &wide, index) }
    }
    chunks[place] = wide
  }

  // MARK: Counters inside words

  private static func mask(_ order: UInt64) -> UInt64 { (1 << (1 << order)) - 1 }

  /// The lowest bit of each counter.
  private static func lowest(_ order: UInt64) -> UInt64 { .max / mask(order) }

  private static func count(_ chunk: Chunk, _ index: UInt64) -> UInt64 {
    let bit = index << chunk.order
    return chunk.words[Int(bit >> 6)] >> (bit & 63) & mask(chunk.order)
  }

  private static func setCount(_ count: UInt64, _ chunk: inout Chunk, _ index: UInt64) {
    let bit = index << chunk.order
    let word = chunk.words[Int(bit >> 6)]
    chunk.words[Int(bit >> 6)] = word & ~(mask(chunk.order) << (bit & 63)) | count << (bit & 63)
  }

  private func count(_ place: Int, _ index: UInt64) -> UInt64 {
    let order = chunks[place].order
    let bit = index << order
    return chunks[place].words[Int(bit >> 6)] >> (bit & 63) & ReferenceCounts.mask(order)
  }

  private mutating func setCount(_ count: UInt64, _ place: Int, _ index: UInt64) {
    ReferenceCounts.setCount(count, &chunks[place], index)
  }

  // MARK: Results

  /// The references of a cluster.
  subscript(cluster: UInt64) -> UInt64 {
    guard let place = place(cluster >> chunkBits) else { return 0 }
    let count = count(place, cluster & (chunkSize - 1))
    guard count == ReferenceCounts.mask(ReferenceCounts.widest) else { return count }
    return overflow[cluster] ?? 0
  }

  /// Whether all of 64 clusters have exactly as many references: 0 or 1. `first` is a multiple of 64.
  func areAll(_ count: UInt64, from first: UInt64) -> Bool {
    guard let place = place(first >> chunkBits) else { return count == 0 }
    let order = chunks[place].order
    let wanted = count * ReferenceCounts.lowest(order)
    let start = Int(((first & (chunkSize - 1)) << order) >> 6)
    for word in start..<start + 1 << Int(order) where chunks[place].words[word] != wanted { return false }
    return true
  }

  /// Whether any cluster of the range may have references; clusters between chunks certainly have none.
  func mayHaveAny(in clusters: Range<UInt64>) -> Bool {
    guard !clusters.isEmpty else { return false }
    for key in clusters.lowerBound >> chunkBits...(clusters.upperBound - 1) >> chunkBits
    where place(key) != nil {
      return true
    }
    return false
  }

  /// The clusters of each chunk, ascending.
  var chunkRanges: [Range<UInt64>] {
    var keys = Array(places.keys)
    for key in 0..<directory.count where directory[key] != 0 { keys.append(UInt64(key)) }
    keys.sort()
    var result: [Range<UInt64>] = []
    for key in keys { result.append(key << chunkBits..<(key + 1) << chunkBits) }
    return result
  }
}
