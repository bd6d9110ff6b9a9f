// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

// Keys of version 1. All bytes of the structure besides the slot that changes stay as they are.
extension LuksHeader {
  private static let saltBytes = 32
  private static let digestBytes = 20
  /// The least iterations that the specification asks for.
  private static let leastIterations: UInt64 = 1000
  private static let slotCount1 = 8

  /// Makes a header with one key in its first slot.
  static func createVersion1(
    _ recipe: LuksRecipe, _ key: Secret, _ passphrase: Secret, _ cost: KeyCost, in area: some LuksArea
  ) throws(BlockError) -> LuksHeader {
    let structure = Buffer(count: version1Size)
    var bytes = structure.mutableBytes
    for (index, byte) in (magic + [0, 1]).enumerated() { bytes.store(byte, at: index) }
    let names = [(8, recipe.cipher.algorithm.rawValue), (40, recipe.cipher.modeName), (72, recipe.hash)]
    for (offset, name) in names {
      guard name.utf8.count < 32 else { throw BlockError(.tooLarge, "LUKS name '\(name)' is too long") }
      store(text: name, &bytes, offset)
    }
    bytes.storeBig(UInt32(truncatingIfNeeded: recipe.payloadOffset / 512), at: 104)
    bytes.storeBig(UInt32(truncatingIfNeeded: recipe.cipher.keyBytes), at: 108)
    // The digest is computed for every slot that is tried: an eighth of the time, as other tools have it.
    let iterations = max(cost.iterations / 8, leastIterations)
    let salt = try Secret(random: saltBytes)
    let value = try Digest(recipe.hash).derive(
      key, salt: salt.bytes.bytes(0..<saltBytes), iterations: iterations, count: digestBytes)
    bytes.copy(value.bytes, at: 112)
    bytes.copy(salt.bytes, at: 132)
    bytes.storeBig(UInt32(truncatingIfNeeded: iterations), at: 164)
    store(text: try randomUUID(), &bytes, 168)
    let step = (recipe.headerLength - 4096) / UInt64(slotCount1)
    for number in 0..<slotCount1 {
      let start = slotOffset + number * slotSize
      bytes.storeBig(disabled, at: start)
      bytes.storeBig(UInt32(truncatingIfNeeded: (4096 + UInt64(number) * step) / 512), at: start + 40)
      bytes.storeBig(UInt32(truncatingIfNeeded: LuksLimits.stripes), at: start + 44)
    }
    let empty = try LuksHeader(version1: structure.bytes, isDetached: recipe.isDetached, .usual)
    return try empty.fill(0, passphrase, key, cost, &bytes, in: area, isNew: true)
  }

  private static func store(text: String, _ bytes: inout MutableRawSpan, _ offset: Int) {
    for (index, byte) in text.utf8.enumerated() { bytes.store(byte, at: offset + index) }
  }

  /// A random UUID, as RFC 4122 writes one.
  private static func randomUUID() throws(BlockError) -> String {
    let random = try Secret(random: 16)
    var bytes = random.bytes.bytes(0..<16)
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    return text
  }

  func addingVersion1(
    _ passphrase: Secret, for key: LuksVolumeKey, _ slot: Int, _ cost: KeyCost, in area: some LuksArea
  ) throws(BlockError) -> LuksHeader {
    let structure = try structure(in: area)
    var bytes = structure.mutableBytes
    return try fill(slot, passphrase, key.secret, cost, &bytes, in: area)
  }

  func erasingVersion1(_ numbers: [Int], in area: some LuksArea) throws(BlockError) -> LuksHeader {
    let structure = try structure(in: area)
    for number in numbers { LuksHeader.clear(number, in: structure) }
    let after = try LuksHeader(version1: structure.bytes, isDetached: isDetached, .usual)
    try area.write(at: 0, from: structure.bytes)
    try area.flush()
    for number in numbers {
      guard let slot = self.slot(number), slot.area.lowerBound < area.length else { continue }
      let count = Int(min(slot.area.upperBound, area.length) - slot.area.lowerBound)
      let noise = try Secret(random: count)
      try area.write(at: slot.area.lowerBound, from: noise.bytes)
    }
    try area.flush()
    return after
  }

  /// Makes a slot one that holds nothing.
  private static func clear(_ number: Int, in structure: Buffer) {
    var bytes = structure.mutableBytes
    let start = slotOffset + number * slotSize
    bytes.storeBig(disabled, at: start)
    // Iterations and salt.
    for offset in start + 4..<start + 40 { bytes.store(UInt8(0), at: offset) }
  }

  private func structure(in area: some LuksArea) throws(BlockError) -> Buffer {
    let structure = Buffer(count: LuksHeader.version1Size)
    var bytes = structure.mutableBytes
    try area.read(at: 0, into: &bytes)
    return structure
  }

  /// Puts the volume key into a slot that is not active: its material first, then the structure.
  private func fill(
    _ number: Int, _ passphrase: Secret, _ key: Secret, _ cost: KeyCost, _ structure: inout MutableRawSpan,
    in area: some LuksArea, isNew: Bool = false
  ) throws(BlockError) -> LuksHeader {
    guard let slot = self.slot(number), let material = slot.material else {
      throw BlockError(.inputOutput, "The new key has no slot")
    }
    // A new image's file grows while it is written, and nobody misses it before it is whole.
    if !isNew { try requireRoom(for: number, slot.area, in: area) }
    let salt = try Secret(random: LuksHeader.saltBytes)
    let areaKey = try Digest(hash).derive(
      passphrase, salt: salt.bytes.bytes(0..<salt.count), iterations: cost.iterations, count: keyBytes)
    let sealed = try material.seal(key, key: areaKey)
    let start = LuksHeader.slotOffset + number * LuksHeader.slotSize
    structure.storeBig(LuksHeader.enabled, at: start)
    structure.storeBig(UInt32(truncatingIfNeeded: cost.iterations), at: start + 4)
    structure.copy(salt.bytes, at: start + 8)
    let after = try LuksHeader(version1: structure.bytes, isDetached: isDetached, .usual)
    try area.write(at: slot.area.lowerBound, from: sealed.bytes)
    if !isNew { try area.flush() }
    try area.write(at: 0, from: structure.bytes)
    if !isNew { try area.flush() }
    return after
  }
}
