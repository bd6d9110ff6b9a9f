// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import VhdxFormat

extension VhdxFormat: PlainKind {}

/// A VHDX image in memory.
typealias MemoryVhdx = MemoryImage<VhdxFormat>

/// The bytes of an image, to be changed field by field. Knows the format by itself, so that it can contradict the driver.
struct VhdxBytes {
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// A new image.
  init(size: UInt64, _ options: OptionObject = ["block_size": 1_048_576]) throws(BlockError) {
    bytes = try MemoryVhdx.bytes(size: size, options)
  }

  static let headers = [64 << 10, 128 << 10]
  static let tables = [192 << 10, 256 << 10]

  func number(at offset: Int, _ width: Int = 8) -> UInt64 {
    var value: UInt64 = 0
    for index in (0..<width).reversed() { value = value << 8 | UInt64(bytes[offset + index]) }
    return value
  }

  mutating func put(_ value: UInt64, at offset: Int, _ width: Int = 8) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
  }

  private static let remainders: [UInt32] = (0..<256).map { number in
    (0..<8).reduce(UInt32(number)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82f6_3b78 }
  }

  /// Makes the checksum of a structure right.
  mutating func seal(_ offset: Int, _ count: Int) {
    put(0, at: offset + 4, 4)
    var value = UInt32.max
    for byte in bytes[offset..<offset + count] {
      value = value >> 8 ^ VhdxBytes.remainders[Int(UInt8(truncatingIfNeeded: value) ^ byte)]
    }
    put(UInt64(~value), at: offset + 4, 4)
  }

  /// Changes a field of both headers.
  mutating func putInHeaders(_ value: UInt64, at field: Int, _ width: Int = 8) {
    for header in VhdxBytes.headers {
      put(value, at: header + field, width)
      seal(header, 4096)
    }
  }

  /// Changes a field of both region tables.
  mutating func putInTables(_ value: UInt64, at field: Int, _ width: Int) {
    for table in VhdxBytes.tables { put(value, at: table + field, width) }
    sealTables()
  }

  mutating func sealTables() { for table in VhdxBytes.tables { seal(table, 65536) } }

  /// The offset of a region: the block map is the first in images of ours, metadata the second.
  func region(_ index: Int) -> Int { Int(number(at: VhdxBytes.tables[0] + 32 + index * 32)) }
  var map: Int { region(0) }
  var metadata: Int { region(1) }
  var log: Int { Int(number(at: VhdxBytes.headers[0] + 72)) }

  /// Changes a field of an item's entry in the metadata table.
  mutating func putInItem(_ item: Int, _ value: UInt64, at field: Int, _ width: Int) {
    put(value, at: metadata + 32 + item * 32 + field, width)
  }

  /// A change that an entry of the log asks for.
  enum Change {
    case sector(UInt64, [UInt8])
    case zero(UInt64, UInt64)
  }

  /// Puts an entry into the log at an offset of it, and lets the headers name it.
  ///
  /// - Parameters:
  ///   - tail: nil for the entry itself.
  ///   - damage: called with the entry's bytes before the checksum is made.
  mutating func addEntry(
    at place: Int = 0, tail: Int? = nil, sequence: UInt64 = 1, id: UInt64 = 77, flushed: UInt64? = nil,
    length: UInt64? = nil, _ changes: [Change], damage: (inout VhdxBytes) -> Void = { _ in }
  ) {
    let sectors = changes.filter { if case .sector = $0 { true } else { false } }.count
    let head = (64 + changes.count * 32 + 4095) / 4096 * 4096
    var entry = VhdxBytes([UInt8](repeating: 0, count: head + sectors * 4096))
    entry.bytes.replaceSubrange(0..<4, with: Array("loge".utf8))
    entry.put(UInt64(entry.bytes.count), at: 8, 4)
    entry.put(UInt64(tail ?? place), at: 12, 4)
    entry.put(sequence, at: 16)
    entry.put(UInt64(changes.count), at: 24, 4)
    entry.put(id, at: 32)
    entry.put(flushed ?? UInt64(bytes.count), at: 48)
    entry.put(length ?? UInt64(bytes.count), at: 56)
    var data = head
    for (index, change) in changes.enumerated() {
      let place = 64 + index * 32
      switch change {
      case .sector(let offset, let content):
        entry.bytes.replaceSubrange(place..<place + 4, with: Array("desc".utf8))
        entry.bytes.replaceSubrange(place + 4..<place + 8, with: content[4092...])
        entry.bytes.replaceSubrange(place + 8..<place + 16, with: content[..<8])
        entry.put(offset, at: place + 16)
        entry.bytes.replaceSubrange(data..<data + 4, with: Array("data".utf8))
        entry.put(sequence >> 32, at: data + 4, 4)
        entry.bytes.replaceSubrange(data + 8..<data + 4092, with: content[8..<4092])
        entry.put(sequence & 0xffff_ffff, at: data + 4092, 4)
        data += 4096
      case .zero(let offset, let length):
        entry.bytes.replaceSubrange(place..<place + 4, with: Array("zero".utf8))
        entry.put(length, at: place + 8)
        entry.put(offset, at: place + 16)
      }
      entry.put(sequence, at: place + 24)
    }
    damage(&entry)
    entry.seal(0, entry.bytes.count)
    let logLength = Int(number(at: VhdxBytes.headers[0] + 68, 4))
    for (index, byte) in entry.bytes.enumerated() { bytes[log + (place + index) % logLength] = byte }
    putInHeaders(id, at: 48)
  }

  /// The map's sector with an entry changed, as the log has it.
  func mapSector(_ entry: Int, _ value: UInt64) -> Change {
    let start = map + entry * 8 / 4096 * 4096
    var copy = self
    copy.put(value, at: map + entry * 8)
    return .sector(UInt64(start), Array(copy.bytes[start..<start + 4096]))
  }
}
