// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Jobs
internal import Support

/// The input is an image file: it is opened, mapped, read, checked, written to, repaired, and all that again.
package enum ImageTarget: FuzzTarget {
  /// Guest bytes that are read at one place.
  private static let piece: UInt64 = 4096

  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard input.count <= 1 << 20 else { return nil }
    look(BoundedStorage(input), [])
    change(BoundedStorage(input))
    let storage = BoundedStorage(input)
    look(storage, .checking)
    _ = check(storage, nil)
    guard let first = check(storage, .all), first.checkErrors == 0, !first.isUnrepairable else { return nil }
    guard let second = check(storage, nil) else { return "a repaired image cannot be checked" }
    look(storage, .checking)
    if second.leaks != 0 { return "\(second.leaks) leaks after a repair" }
    if second.corruptions != 0 { return "\(second.corruptions) corruptions after a repair" }
    return nil
  }

  /// Reads what a guest and `map` would.
  private static func look(_ storage: BoundedStorage, _ flags: NodeFlags) {
    guard let image = try? OpenImage(storage, flags: flags) else { return }
    defer { try? image.close() }
    _ = image.driver.formatInformation(of: image.edge.child)
    var scan = MapScan(image.edge)
    for _ in 0..<64 {
      guard let entry = try? scan.next() else { break }
      _ = entry
    }
    let length = image.edge.length
    for index in 0..<20 where UInt64(index) * piece < length {
      let offset = UInt64(index) * piece
      _ = try? image.read(offset, Int(min(piece, length - offset)))
    }
    if length > piece { _ = try? image.read(length - piece, Int(piece)) }
    guard let driver = image.driver as? any BitmapDriver else { return }
    for bitmap in driver.bitmaps(of: image.edge.child).prefix(4) {
      guard let content = try? driver.bitmapContent(bitmap.name, of: image.edge.child) else { continue }
      var pieces = 0
      try? content.forEachDirty { (_: Range<UInt64>) throws(BlockError) in
        pieces += 1
        if pieces > 256 { throw BlockError(.interrupted, "enough") }
      }
    }
  }

  /// Writes to a damaged image: what it says may be refused, and nothing may trap.
  private static func change(_ storage: BoundedStorage) {
    guard let image = try? OpenImage(storage, flags: .writable) else { return }
    let length = image.edge.length
    let step = max(length / 7, 512)
    for index in 0..<7 {
      let offset = UInt64(index) * step
      guard offset < length else { break }
      let count = Int(min(3000, length - offset))
      _ = try? image.write(offset, [UInt8](repeating: 1, count: count))
      try? image.edge.writeZeroes(at: offset, length: UInt64(count), mayUnmap: true)
      try? image.edge.discard(at: offset, length: length - offset)
    }
    if let driver = image.driver as? any SnapshottingDriver {
      try? driver.createSnapshot("new", seconds: 0, nanoseconds: 0, of: image.edge.child)
      try? driver.applySnapshot(.idOrName("1"), of: image.edge.child)
      try? driver.deleteSnapshot(.idOrName("1"), of: image.edge.child)
    }
    if let driver = image.driver as? any BitmapDriver {
      try? driver.changeBitmap("new", .add(granularity: 65536), of: image.edge.child)
      for bitmap in driver.bitmaps(of: image.edge.child).prefix(4) {
        try? driver.changeBitmap(bitmap.name, .remove, of: image.edge.child)
      }
    }
    try? image.edge.truncate(to: length &+ 65536)
    try? image.edge.truncate(to: length / 2)
    try? image.close()
  }

  private static func check(_ storage: BoundedStorage, _ repair: CheckRepair?) -> CheckResult? {
    guard let image = try? OpenImage(storage, flags: NodeFlags(checkingWith: repair)) else { return nil }
    defer { try? image.close() }
    guard let driver = image.driver as? any CheckingDriver else { return nil }
    guard let repair else { return try? driver.check(image.edge.child, JobContext()) { _ in } }
    return try? driver.repair(repair, image.edge.child, JobContext()) { _ in }
  }

  /// What is wrong with the harness: a sound image must be found sound, a broken one mended.
  package static func selfTest() -> String? {
    let sound = SampleQcow2(.plain)
    guard check(BoundedStorage(sound.bytes), nil) == check(BoundedStorage(sound.bytes), .all) else {
      return "a sound image was repaired"
    }
    var broken = sound
    broken.set16(broken.refcountBlock + 2 * 5, 0)
    let storage = BoundedStorage(broken.bytes)
    guard check(storage, nil)?.corruptions ?? 0 > 0, check(storage, .all)?.corruptionsFixed ?? 0 > 0,
      check(storage, nil)?.corruptions == 0
    else { return "a missing reference was not found and mended" }
    return nil
  }
}
