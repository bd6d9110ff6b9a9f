// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// One entry of the snapshot table.
package struct SnapshotEntry: Hashable, Sendable {
  /// Bytes in front of the extra data.
  package static let fixedSize = 40
  /// Bytes of extra data that this program knows: state size, disk size, instruction count.
  static let knownExtra = 24

  /// Bytes of extra data that version 3 wants: state size, disk size.
  static let neededExtra = 16

  /// The offset of the snapshot's L1 table.
  package var l1Offset: UInt64
  /// Entries of that table.
  package var l1Size: UInt32
  /// The unique id as it stands in the image: any bytes, as a rule UTF-8.
  package var idBytes: [UInt8]
  /// The name as it stands in the image.
  package var nameBytes: [UInt8]
  /// When it was taken: seconds since 1970.
  package var seconds: UInt32
  /// The nanoseconds part of the time.
  package var nanoseconds: UInt32
  /// Machine time in nanoseconds.
  package var machineClock: UInt64
  /// Bytes of saved machine state: the 64-bit field where there is one.
  package var stateSize: UInt64
  /// Length of the guest's disk when the snapshot was taken, where it is recorded.
  package var diskSize: UInt64?
  /// Instructions executed, where it was recorded.
  package var instructionCount: UInt64?
  /// Extra data as it stands in the image.
  package var extra: [UInt8]

  /// The unique id as text.
  package var id: String { String(spelling: idBytes) }
  /// The name as text.
  package var name: String { String(spelling: nameBytes) }

  /// Reads the entry at the start of `bytes`, which may hold more.
  ///
  /// - Throws: `corrupt` where the bytes end inside the entry or extra data is larger than the limit.
  package init(parsing bytes: RawSpan) throws(BlockError) {
    guard bytes.byteCount >= SnapshotEntry.fixedSize else { throw SnapshotEntry.cutShort }
    l1Offset = bytes.big64(at: 0)
    l1Size = bytes.big32(at: 8)
    let idLength = Int(bytes.big16(at: 12))
    let nameLength = Int(bytes.big16(at: 14))
    seconds = bytes.big32(at: 16)
    nanoseconds = bytes.big32(at: 20)
    machineClock = bytes.big64(at: 24)
    stateSize = UInt64(bytes.big32(at: 32))
    let extraLength = bytes.big32(at: 36)
    guard extraLength <= Qcow2Limits.snapshotExtraBytes else {
      throw BlockError(.corrupt, "Too much extra metadata in snapshot table entry")
    }
    var position = SnapshotEntry.fixedSize
    guard bytes.byteCount - position >= Int(extraLength) + idLength + nameLength else {
      throw SnapshotEntry.cutShort
    }
    extra = SnapshotEntry.take(bytes, &position, Int(extraLength))
    idBytes = SnapshotEntry.take(bytes, &position, idLength)
    nameBytes = SnapshotEntry.take(bytes, &position, nameLength)
    readExtra()
  }

  private mutating func readExtra() {
    let buffer = Buffer(extra)
    let bytes = buffer.bytes
    if extra.count >= 8 { stateSize = bytes.big64(at: 0) }
    if extra.count >= 16 { diskSize = bytes.big64(at: 8) }
    if extra.count >= 24 {
      let count = bytes.big64(at: 16)
      instructionCount = count == .max ? nil : count
    }
  }

  private static var cutShort: BlockError { BlockError(.corrupt, "Snapshot table entry is cut short") }

  private static func take(_ bytes: RawSpan, _ position: inout Int, _ count: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for offset in position..<position + count { result.append(bytes.byte(at: offset)) }
    position += count
    return result
  }

  /// Bytes of memory that an entry takes at least: its name, id and extra data are arrays of their own.
  static let leastMemory = MemoryBudget.inArray(of: SnapshotEntry.self) + 3 * MemoryBudget.arrayHeader
  /// Bytes of memory that the entry takes at most.
  var memory: Int { SnapshotEntry.leastMemory + extra.count + idBytes.count + nameBytes.count }

  /// Whether fields are missing that version 3 wants.
  var isIncomplete: Bool { extra.count < SnapshotEntry.neededExtra }

  /// Adds all fields that this program knows, for a disk of `size` bytes where its length is not recorded.
  mutating func complete(diskSize size: UInt64) {
    extra += [UInt8](repeating: 0, count: max(0, SnapshotEntry.knownExtra - extra.count))
    diskSize = diskSize ?? size
  }

  /// Bytes in the table without padding, which the last entry does not need.
  package var unpaddedSize: Int { SnapshotEntry.fixedSize + extra.count + idBytes.count + nameBytes.count }

  /// Bytes in the table, padding to a multiple of 8 included.
  package var size: Int {
    (unpaddedSize + 7) / 8 * 8
  }

  /// Writes the entry at `offset`; the bytes behind it up to `size` stay as they are.
  ///
  /// Known extra fields are written over those in `extra`, as far as it reaches.
  package func write(to bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(l1Offset, at: offset)
    bytes.storeBig(l1Size, at: offset + 8)
    bytes.storeBig(UInt16(truncatingIfNeeded: idBytes.count), at: offset + 12)
    bytes.storeBig(UInt16(truncatingIfNeeded: nameBytes.count), at: offset + 14)
    bytes.storeBig(seconds, at: offset + 16)
    bytes.storeBig(nanoseconds, at: offset + 20)
    bytes.storeBig(machineClock, at: offset + 24)
    bytes.storeBig(UInt32(truncatingIfNeeded: min(stateSize, UInt64(UInt32.max))), at: offset + 32)
    bytes.storeBig(UInt32(extra.count), at: offset + 36)
    var position = offset + SnapshotEntry.fixedSize
    for byte in extra + idBytes + nameBytes {
      bytes.store(byte, at: position)
      position += 1
    }
    let known = offset + SnapshotEntry.fixedSize
    if extra.count >= 8 { bytes.storeBig(stateSize, at: known) }
    if extra.count >= 16, let diskSize { bytes.storeBig(diskSize, at: known + 8) }
    if extra.count >= 24 { bytes.storeBig(instructionCount ?? .max, at: known + 16) }
  }
}
