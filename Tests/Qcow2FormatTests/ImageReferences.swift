// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Qcow2Format

/// What the tables of an image point to and how often it is counted, from bytes that may end anywhere.
struct ImageReferences {
  enum Kind: Hashable, CaseIterable {
    case l1, l2, data, compressed, refcountTable, refcountBlock, snapshotTable
  }

  /// An entry of a table or of the header.
  struct Pointer: Hashable {
    var kind: Kind
    /// Where the entry stands.
    var place: Int
    /// The clusters that it points to.
    var clusters: Range<Int>
    /// Whether it says that they have one reference. Nobody goes by what snapshots say.
    var isSingle = false
  }

  private let bytes: [UInt8]
  private let header: Header
  private let geometry: Geometry
  private(set) var pointers: Set<Pointer> = []
  /// How many pointers there are to a cluster.
  private(set) var references: [Int: Int] = [0: 1]

  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    let cluster = Buffer(Array(bytes.prefix(65536)))
    header = try Header(parsing: cluster.bytes)
    geometry = header.geometry
    readRefcountTable()
    readL1(at: Int(header.l1Offset), count: Int(header.l1Size), from: 40, isActive: true)
    readSnapshots()
  }

  private func number(_ offset: Int, _ size: Int = 8) -> Int {
    var result: UInt64 = 0
    for index in offset..<offset + size {
      result = result << 8 | UInt64(index < bytes.count ? bytes[index] : 0)
    }
    return Int(truncatingIfNeeded: result)
  }

  private func clusters(_ offset: Int, _ count: Int) -> Range<Int> {
    let first = offset >> Int(geometry.clusterBits)
    return first..<first + Int(geometry.clusters(covering: UInt64(count)))
  }

  private mutating func add(_ pointer: Pointer) {
    pointers.insert(pointer)
    for cluster in pointer.clusters { references[cluster, default: 0] += 1 }
  }

  private mutating func readRefcountTable() {
    let (start, size) = (Int(header.refcountTableOffset), Int(header.refcountTableClusters) * clusterSize)
    add(Pointer(kind: .refcountTable, place: 48, clusters: clusters(start, size)))
    for place in stride(from: start, to: start + size, by: 8) where number(place) != 0 {
      add(Pointer(kind: .refcountBlock, place: place, clusters: clusters(number(place), clusterSize)))
    }
  }

  private mutating func readL1(at start: Int, count: Int, from place: Int, isActive: Bool) {
    add(Pointer(kind: .l1, place: place, clusters: clusters(start, count * 8)))
    for index in 0..<count {
      let entry = L1Entry(rawValue: UInt64(bitPattern: Int64(number(start + index * 8))))
      guard entry.offset != 0 else { continue }
      add(
        Pointer(
          kind: .l2, place: start + index * 8, clusters: clusters(Int(entry.offset), clusterSize),
          isSingle: isActive && entry.isCopied))
      readL2(at: Int(entry.offset), isActive)
    }
  }

  private mutating func readL2(at start: Int, _ isActive: Bool) {
    for index in 0..<Int(geometry.l2Entries) {
      let place = start + index * geometry.l2EntryBytes
      let entry = L2Entry(rawValue: UInt64(bitPattern: Int64(number(place))))
      if entry.isCompressed {
        let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
        add(
          Pointer(
            kind: .compressed, place: place, clusters: Int(clusters.lowerBound)..<Int(clusters.upperBound) + 1
          ))
      } else if entry.offset != 0 {
        add(
          Pointer(
            kind: .data, place: place, clusters: clusters(Int(entry.offset), clusterSize),
            isSingle: isActive && entry.isCopied))
      }
    }
  }

  private mutating func readSnapshots() {
    var place = Int(header.snapshotsOffset)
    let start = place
    for _ in 0..<header.snapshotCount {
      readL1(at: number(place), count: number(place + 8, 4), from: place, isActive: false)
      let size = 40 + number(place + 36, 4) + number(place + 12, 2) + number(place + 14, 2)
      place += (size + 7) / 8 * 8
    }
    if place > start {
      add(Pointer(kind: .snapshotTable, place: 64, clusters: clusters(start, place - start)))
    }
  }

  var clusterSize: Int { Int(geometry.clusterSize) }

  /// How often a cluster is counted.
  func count(_ cluster: Int) -> Int {
    let index = cluster >> Int(geometry.refcountBlockBits)
    let size = Int(header.refcountTableClusters) * clusterSize
    guard index * 8 < size else { return 0 }
    let block = number(Int(header.refcountTableOffset) + index * 8)
    guard block != 0 else { return 0 }
    let inBlock = cluster & (Int(geometry.refcountBlockEntries) - 1)
    let bits = Int(geometry.refcountBits)
    guard bits < 8 else { return number(block + inBlock * bits / 8, bits / 8) }
    return number(block + inBlock * bits / 8, 1) >> (inBlock * bits % 8) & (1 << bits - 1)
  }
}
