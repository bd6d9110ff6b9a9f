// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options
internal import ParallelsFormat
internal import QcowFormat
internal import QedFormat
internal import VdiFormat
internal import VhdxFormat
internal import VmdkFormat
internal import VpcFormat

/// The input is an image of a format with block tables, which its content tells: it is opened, read, written to, given other
/// lengths, emptied, repaired, and checked after that.
package enum BlockTablesTarget: FuzzTarget {
  /// How far storage can grow: a few blocks.
  private static let capacity = 12 << 20

  private static let kinds: [any DriverKind] = [
    VdiFormat(), QedFormat(), VpcFormat(), ParallelsFormat(), VmdkFormat(), QcowFormat(), VhdxFormat(),
  ]

  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard !input.isEmpty, input.count <= 1 << 20 else { return nil }
    let input = SparseVhdx.image(for: VpcSums.mended(input))
    let probe = try? ProbeInput(length: UInt64(input.count), name: "input") {
      (offset, count) throws(BlockError) in
      Buffer(Array(input[Int(offset)..<min(input.count, Int(offset) + count)]))
    }
    guard let probe, let kind = kinds.recognize(probe)?.kind else { return nil }
    let file = try? InspectedFile(length: UInt64(input.count)) { (offset, count) in
      guard offset < UInt64(input.count) else { return Buffer(count: 0) }
      return Buffer(Array(input[Int(offset)..<min(input.count, Int(offset) + count)]))
    }
    if let file, let inspecting = kind as? any InspectingKind { _ = try? inspecting.inspect(file) }
    change(BoundedStorage(input, capacity: capacity), kind)
    let storage = BoundedStorage(input, capacity: capacity)
    guard let first = check(storage, kind, .all), first.checkErrors == 0, !first.isUnrepairable,
      !storage.refused
    else { return nil }
    // What stood in compressed grains that are damaged is gone, and so are their entries left alone.
    if kind.name == "vmdk", input.count > 10, input[10] & 1 != 0 { return nil }
    guard let second = check(storage, kind, nil) else { return "a repaired image cannot be checked" }
    if second.leaks != 0 { return "\(second.leaks) leaks after a repair" }
    if second.corruptions != 0 { return "\(second.corruptions) corruptions after a repair" }
    return nil
  }

  private static func change(_ storage: BoundedStorage, _ kind: any DriverKind) {
    guard let image = try? OpenImage(storage, kind, flags: .writable) else { return }
    let length = image.edge.length
    let step = max(length / 5, 512)
    for index in 0..<5 {
      let (offset, overflow) = UInt64(index).multipliedReportingOverflow(by: step)
      guard !overflow, offset < length else { break }
      let count = Int(min(3000, length - offset))
      _ = try? image.read(offset, count)
      _ = try? image.write(offset, [UInt8](repeating: 1, count: count))
      try? image.edge.writeZeroes(at: offset, length: UInt64(count), mayUnmap: index % 2 == 0)
    }
    if length < 1 << 30 {
      try? image.edge.truncate(to: length &+ 65536)
      try? image.edge.truncate(to: length / 2 / 512 * 512)
      try? image.edge.makeEmpty()
    }
    try? image.close()
  }

  private static func check(_ storage: BoundedStorage, _ kind: any DriverKind, _ repair: CheckRepair?)
    -> CheckResult?
  {
    guard let image = try? OpenImage(storage, kind, flags: NodeFlags(checkingWith: repair)) else {
      return nil
    }
    defer { try? image.close() }
    guard image.edge.length < 1 << 30, let driver = image.driver as? any CheckingDriver else { return nil }
    guard let repair else { return try? driver.check(image.edge.child, JobContext()) { _ in } }
    return try? driver.repair(repair, image.edge.child, JobContext()) { _ in }
  }

  /// Images with a block or two of few; where there are more kinds of a format, one of each.
  private static let samples: [(kind: any DriverKind, options: String)] = [
    (VdiFormat(), "static=off"), (VdiFormat(), "static=on"), (QedFormat(), "cluster_size=4k,table_size=1"),
    (VpcFormat(), ""), (VpcFormat(), "subformat=fixed"),
    (VpcFormat(), "backing_file=base.vhd"), (ParallelsFormat(), "cluster_size=64k"),
    (VmdkFormat(), ""), (VmdkFormat(), "zeroed_grain=on"), (VmdkFormat(), "subformat=streamOptimized"),
    (QcowFormat(), ""), (VhdxFormat(), "block_size=1M"),
    (VhdxFormat(), "block_size=1M,block_state_zero=off,logical_sector_size=4096"),
    (VhdxFormat(), "block_size=1M,backing_file=base.vhdx"),
  ]

  /// Images of each kind, most with something stored.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    samples.map { kind, options in
      let storage = BoundedStorage(capacity: capacity)
      let size: UInt64 = options == "subformat=fixed" ? 30_720 : 2 << 20
      try? OpenImage.create(kind, on: storage, size: size, options)
      let image = try? OpenImage(storage, kind, flags: .writable)
      _ = try? image?.write(1024, [1, 2, 3])
      // A log that is to be replayed stands in a VHDX that was not closed.
      try? image?.edge.flush()
      let unclosed = storage.bytes
      try? image?.close()
      let name = "\(kind.name)-\(options.replacing("=", with: "-"))"
      guard kind.name != "vhdx" else {
        return (name, SparseVhdx.input(for: options.contains("off") ? unclosed : storage.bytes))
      }
      // The blocks' content is of no interest, and inputs are short; a footer is found by its copy.
      let bytes = storage.bytes
      return (name, Array(options == "subformat=fixed" ? bytes[...] : bytes.prefix(1 << 15)))
    }
  }

  /// What is wrong with the harness: damage must be found and mended.
  package static func selfTest() -> String? {
    // The second block of a VDI where the first is, and that of a VHD.
    for (kind, options, table) in [(VdiFormat(), "static=on", 512), (VpcFormat(), "", 1536)]
      as [(any DriverKind, String, Int)]
    {
      let storage = BoundedStorage(capacity: capacity)
      do {
        try OpenImage.create(kind, on: storage, size: 4 << 20, options)
        let image = try OpenImage(storage, kind, flags: .writable)
        for offset in [0, 2 << 20] as [UInt64] { try image.write(offset, [1]) }
        try image.close()
      } catch {
        return "no image: \(error.message)"
      }
      var bytes = storage.bytes
      guard check(storage, kind, nil)?.corruptions == 0 else {
        return "a sound \(kind.name) was found damaged"
      }
      for index in 0..<4 { bytes[table + 4 + index] = bytes[table + index] }
      let broken = BoundedStorage(bytes, capacity: capacity)
      guard check(broken, kind, nil)?.corruptions ?? 0 > 0,
        check(broken, kind, .all)?.corruptionsFixed ?? 0 > 0, check(broken, kind, nil)?.corruptions == 0
      else { return "a damaged \(kind.name) was not found and mended" }
    }
    return nil
  }
}

/// The checksums of VHDs, which inputs hardly ever get right by themselves.
enum VpcSums {
  /// The same bytes with right checksums of what looks like footers and a header.
  static func mended(_ input: [UInt8]) -> [UInt8] {
    var bytes = input
    mend(0, 512, 64, "conectix", &bytes)
    mend(512, 1024, 36, "cxsparse", &bytes)
    if bytes.count >= 1024 { mend(bytes.count - 512, 512, 64, "conectix", &bytes) }
    return bytes
  }

  private static func mend(
    _ start: Int, _ length: Int, _ field: Int, _ cookie: String, _ bytes: inout [UInt8]
  ) {
    guard start + length <= bytes.count, Array(bytes[start..<start + 8]) == Array(cookie.utf8) else { return }
    for index in 0..<4 { bytes[start + field + index] = 0 }
    var sum: UInt32 = 0
    for byte in bytes[start..<start + length] { sum &+= UInt32(byte) }
    for index in 0..<4 {
      bytes[start + field + index] = UInt8(truncatingIfNeeded: ~sum >> UInt32((3 - index) * 8))
    }
  }
}
