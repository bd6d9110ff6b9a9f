// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import VdiFormat

/// The input is a VDI file: it is opened, read, written to, given other lengths, repaired, and checked after that.
package enum VdiTarget: FuzzTarget {
  /// How far storage can grow: a few blocks.
  private static let capacity = 8 << 20

  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard input.count <= 1 << 20 else { return nil }
    let file = try? InspectedFile(length: UInt64(input.count)) { (offset, count) in
      Buffer(Array(input[Int(offset)..<min(input.count, Int(offset) + count)]))
    }
    if let file { _ = try? VdiFormat().inspect(file) }
    change(BoundedStorage(input, capacity: capacity))
    let storage = BoundedStorage(input, capacity: capacity)
    guard let first = check(storage, .all), first.checkErrors == 0, !storage.refused else { return nil }
    guard let second = check(storage, nil) else { return "a repaired image cannot be checked" }
    if second.leaks != 0 { return "\(second.leaks) leaks after a repair" }
    if second.corruptions != 0 { return "\(second.corruptions) corruptions after a repair" }
    return nil
  }

  private static func change(_ storage: BoundedStorage) {
    guard let image = try? OpenImage(storage, VdiFormat(), flags: .writable) else { return }
    let length = image.edge.length
    let step = max(length / 5, 512)
    for index in 0..<5 {
      let offset = UInt64(index) * step
      guard offset < length else { break }
      let count = Int(min(3000, length - offset))
      _ = try? image.read(offset, count)
      _ = try? image.write(offset, [UInt8](repeating: 1, count: count))
      try? image.edge.writeZeroes(at: offset, length: UInt64(count), mayUnmap: index % 2 == 0)
    }
    if length < 1 << 30 {
      try? image.edge.truncate(to: length &+ 65536)
      try? image.edge.truncate(to: length / 2)
    }
    try? image.close()
  }

  private static func check(_ storage: BoundedStorage, _ repair: CheckRepair?) -> CheckResult? {
    let flags: NodeFlags = repair == nil ? .checking : [.checking, .writable]
    guard let image = try? OpenImage(storage, VdiFormat(), flags: flags) else { return nil }
    defer { try? image.close() }
    guard image.edge.length < 1 << 30, let driver = image.driver as? any CheckingDriver else { return nil }
    guard let repair else { return try? driver.check(image.edge.child, JobContext()) { _ in } }
    return try? driver.repair(repair, image.edge.child, JobContext()) { _ in }
  }

  /// A dynamic image with two blocks of four, and a fixed one.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    ["static=off", "static=on"].map { options in
      let storage = BoundedStorage(capacity: capacity)
      try? OpenImage.create(VdiFormat(), on: storage, size: 2 << 20, options)
      // The blocks' content is of no interest, and inputs are short.
      return (options, Array(storage.bytes.prefix(1 << 16)))
    }
  }

  /// What is wrong with the harness: damage must be found and mended.
  package static func selfTest() -> String? {
    let storage = BoundedStorage(capacity: capacity)
    do {
      try OpenImage.create(VdiFormat(), on: storage, size: 2 << 20, "static=on")
    } catch {
      return "no image: \(error.message)"
    }
    var bytes = storage.bytes
    guard check(storage, nil)?.corruptions == 0 else { return "a sound image was found damaged" }
    bytes[516] = 0
    let broken = BoundedStorage(bytes, capacity: capacity)
    guard check(broken, nil)?.corruptions ?? 0 > 0, check(broken, .all)?.corruptionsFixed ?? 0 > 0,
      check(broken, nil)?.corruptions == 0
    else { return "a shared block was not found and mended" }
    return nil
  }
}
