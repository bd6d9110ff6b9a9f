// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

extension LuksHeader {
  /// Finds the volume key with a passphrase.
  ///
  /// - Parameter slot: the only slot to try; nil for all.
  /// - Throws: kind `accessDenied` where the passphrase opens none; where none could be tried, why.
  package func unlock(_ passphrase: Secret, slot: Int? = nil, in area: some LuksArea) throws(BlockError)
    -> LuksVolumeKey
  {
    _ = try cipherSpec()
    let opener = try SlotOpener(self, in: area)
    var tried = false
    var failures: [BlockError] = []
    for candidate in slots where candidate.isActive {
      if let slot, slot != candidate.number { continue }
      if slot == nil, candidate.isIgnored { continue }
      do throws(BlockError) {
        if let key = try opener.open(candidate, passphrase) { return key }
        tried = true
      } catch {
        failures.append(error)
      }
    }
    if !tried, let failure = failures.first { throw failure }
    var advice: Advice = "Mind that a line feed at the end of a secret's file is part of the secret."
    for failure in failures { advice = advice + " Not tried: \(failure.message)." }
    throw BlockError(.accessDenied, "Invalid password, cannot unlock any keyslot", advice: advice)
  }

  /// The numbers of the active slots among `candidates` that a passphrase opens. One that cannot be used is none.
  package func slots(matching passphrase: Secret, among candidates: [Int], in area: some LuksArea)
    throws(BlockError) -> [Int]
  {
    let opener = try SlotOpener(self, in: area)
    var matching: [Int] = []
    for number in candidates {
      guard let slot = self.slot(number), slot.isUsable else { continue }
      if try opener.open(slot, passphrase) != nil { matching.append(number) }
    }
    return matching
  }

  /// Makes a new header with a new volume key and writes it to `area`, which holds nothing yet.
  package static func create(_ recipe: LuksRecipe, passphrase: Secret, in area: some LuksArea)
    throws(BlockError) -> (header: LuksHeader, key: LuksVolumeKey)
  {
    let cost = try KeyCost(
      recipe.derivation, hash: recipe.hash, milliseconds: recipe.iterationTime,
      keyBytes: recipe.cipher.keyBytes)
    let key = try Secret(random: recipe.cipher.keyBytes)
    guard recipe.version == 2 else {
      let header = try createVersion1(recipe, key, passphrase, cost, in: area)
      return (header, LuksVolumeKey(slot: 0, secret: key))
    }
    return try LibCryptsetup.lock.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(length: recipe.headerLength)
      try copy.format(recipe, key: key, cost)
      let slot = try copy.add(passphrase, key: key, slot: 0, cost)
      let header = try LuksHeader(unconfirmed: CopyArea(file: copy.file), isDetached: recipe.isDetached)
      try copy.write(0..<header.metadataSize * UInt64(header.copies), to: area)
      if let material = header.slot(slot)?.area { try copy.write(material, to: area) }
      return (header, LuksVolumeKey(slot: slot, secret: key))
    }
  }
}

extension HeaderCopy {
  /// Writes a range as it is now to the image.
  func write(_ range: Range<UInt64>, to area: some LuksArea) throws(BlockError) {
    let buffer = try bytes(range)
    try area.write(at: range.lowerBound, from: buffer.bytes)
  }
}

/// The copy of a header as something to read a header from.
struct CopyArea: LuksArea {
  let file: File

  var length: UInt64 { (try? file.length()) ?? 0 }
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    let count = try file.read(at: offset, into: &buffer)
    if count < buffer.byteCount {
      var rest = buffer.slice(count..<buffer.byteCount)
      rest.fill()
    }
  }
  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    try file.write(at: offset, from: data)
  }
  func flush() throws(BlockError) {}
}

extension LuksHeader {
  /// Tells of a header that is about to be unlocked which slots cannot be used and, where nobody vouches for it, the
  /// cost of the others.
  ///
  /// - Parameter name: the image's name in messages.
  package func tellBeforeUnlocking(of name: String, isUntrusted: Bool, _ tell: (String) -> Void) {
    for slot in slots where slot.isActive {
      if let flaw = slot.flaw { tell("'\(name)': \(flaw.message); the slot is left out") }
    }
    guard isUntrusted else { return }
    var iterations: UInt64 = 0
    var memory: UInt64 = 0
    for slot in slots where slot.isUsable {
      switch slot.derivation {
      case .pbkdf2(_, let count): iterations += count
      case .argon2(_, _, let kibibytes, _): memory = max(memory, kibibytes)
      case .other: break
      }
    }
    var costs: [String] = []
    if iterations > 0 { costs.append("\(iterations) iterations of PBKDF2") }
    if memory > 0 { costs.append("\(memory) KiB of memory for Argon2") }
    guard !costs.isEmpty else { return }
    tell("'\(name)': its header asks for up to \(costs.joined(separator: " and ")) to derive keys")
  }
}

extension LuksHeader {
  /// Throws unless everything that unlocking takes is there: the cipher and hash functions are known, both copies that
  /// there may be are whole, and every key can be tried.
  package func requireWhole(in area: some LuksArea) throws(BlockError) {
    _ = try cipherSpec()
    let opener = try SlotOpener(self, in: area)
    guard isFirstCopy else { throw BlockError(.corrupt, "Only the second copy of the header is whole") }
    guard !activeSlots.isEmpty else { throw BlockError(.corrupt, "No keyslot holds a key") }
    for slot in slots where slot.isActive { try opener.requireMaterial(slot) }
  }
}
