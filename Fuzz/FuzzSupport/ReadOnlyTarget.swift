// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BochsFormat
internal import Bytes
internal import CloopFormat
internal import DmgFormat
internal import Errors
internal import Support

/// The input is an image of a format that is only read, which its content tells: it is inspected, opened, looked through,
/// read here and there, and checked.
package enum ReadOnlyTarget: FuzzTarget {
  private static let kinds: [any DriverKind] = [BochsFormat(), CloopFormat(), DmgFormat()]

  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard input.count <= 1 << 20 else { return nil }
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
    let storage = BoundedStorage(input)
    if let image = try? OpenImage(storage, kind, flags: .checking) {
      defer { try? image.close() }
      if image.edge.length < 1 << 30, let driver = image.driver as? any CheckingDriver {
        _ = try? driver.check(image.edge.child, JobContext()) { _ in }
      }
    }
    guard let image = try? OpenImage(storage, kind, flags: []) else { return nil }
    defer { try? image.close() }
    return read(image)
  }

  /// Looks through an image; what is said to be zero must be.
  private static func read(_ image: OpenImage) -> String? {
    let length = image.edge.length
    var position: UInt64 = 0
    for _ in 0..<64 where position < length {
      guard let extent = try? image.edge.extent(at: position, length: length - position) else { break }
      for offset in [position, position + extent.length / 2] {
        let count = Int(min(1000, position + extent.length - offset))
        guard let bytes = try? image.read(offset, count) else { continue }
        if extent.kind == .zero, bytes.contains(where: { $0 != 0 }) {
          return "zeros at \(offset) are not zero"
        }
        // The same again, from what is kept.
        if (try? image.read(offset, count)) != bytes { return "bytes at \(offset) are not the same again" }
      }
      position += extent.length
    }
    return nil
  }

  private static var disk: [UInt8] {
    (0..<12288).map {
      $0 < 4096 ? UInt8(truncatingIfNeeded: $0 / 9) : $0 < 8192 ? 0 : UInt8(truncatingIfNeeded: $0)
    }
  }

  /// Images of each kind.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    var bochs = BochsSample()
    var found: [(name: String, bytes: [UInt8])] = []
    for version in [0x10000, 0x20000] as [UInt32] {
      bochs.version = version
      found.append(("bochs-\(version >> 16)", bochs.bytes(of: disk)))
    }
    for size in [512, 4096] { found.append(("cloop-\(size)", CloopSample.bytes(of: disk, blockSize: size))) }
    for kind in [DmgSample.Kind.zlib, .bzip2, .xz, .adc, .raw, .lzfse] {
      var sample = DmgSample(of: disk, chunk: 4096, [kind, .zero, kind])
      found.append(("dmg-\(kind)", sample.bytes))
      sample.hasFork = true
      found.append(("dmg-fork-\(kind)", sample.bytes))
    }
    return found
  }

  /// What is wrong with the harness: what seeds hold must be read.
  package static func selfTest() -> String? {
    for (name, bytes) in seeds() where !name.contains("lzfse") {
      guard let kind = kinds.first(where: { name.hasPrefix($0.name) }),
        let image = try? OpenImage(BoundedStorage(bytes), kind, flags: [])
      else { return "\(name) cannot be opened" }
      guard let found = try? image.read(0, disk.count), found == disk else {
        return "\(name) reads as something else"
      }
      try? image.close()
    }
    return nil
  }
}
