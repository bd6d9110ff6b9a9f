// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors

/// A log of one entry, in 1024 bytes: a number (8 bytes, big-endian, 0 for none), an offset (8), a sum (8) of both and of the
/// 512 bytes that follow at 512, which belong at the offset.
struct TestJournal: TableJournal {
  static let length: UInt64 = 1024
  let offset: UInt64
  let unit: UInt64 = 512

  private static func sum(_ entry: RawSpan) -> UInt64 {
    var sum = entry.big64(at: 0) &* 31 &+ entry.big64(at: 8)
    for index in 512..<1024 { sum = sum &* 31 &+ UInt64(entry.byte(at: index)) + 1 }
    return sum
  }

  /// What the log asks for.
  func recovery(_ file: Edge) throws(BlockError) -> Recovery {
    let entry = try file.read(at: offset, count: Int(TestJournal.length))
    var recovery = Recovery()
    guard entry.bytes.big64(at: 0) != 0, entry.bytes.big64(at: 16) == TestJournal.sum(entry.bytes) else {
      return recovery
    }
    try recovery.add(.write(at: entry.bytes.big64(at: 8), Buffer(entry.bytes.bytes(512..<1024))))
    return recovery
  }

  func write(_ parts: [TablePart], of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    for part in parts {
      guard part.offset % unit == 0, part.count == 512 else {
        throw BlockError(.invalidArgument, "part at \(part.offset) of \(part.count) bytes")
      }
      // What the entry before asked for has to be safe before that one goes.
      try file.flush()
      let entry = Buffer(count: Int(TestJournal.length))
      var bytes = entry.mutableBytes
      bytes.storeBig(1 as UInt64, at: 0)
      bytes.storeBig(part.offset, at: 8)
      part.withBytes { bytes.copy($0, at: 512) }
      bytes.storeBig(TestJournal.sum(entry.bytes), at: 16)
      try file.write(at: offset, from: entry.bytes)
      try file.flush()
      try part.withBytes { (bytes) throws(BlockError) in try file.write(at: part.offset, from: bytes) }
    }
  }

  func settle(_ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try file.flush()
    try file.writeZeroes(at: offset, length: 512, mayUnmap: false)
    try file.flush()
  }
}
