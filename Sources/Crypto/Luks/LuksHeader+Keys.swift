// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
public import Errors
public import Host

extension LuksHeader {
  /// Finds the volume key with a passphrase.
  ///
  /// - Parameter slot: the only slot to try; nil for all.
  /// - Throws: kind `accessDenied` where the passphrase opens none.
  public func unlock(_ passphrase: Secret, slot: Int? = nil, in area: some LuksArea) throws(BlockError)
    -> LuksVolumeKey
  {
    _ = try cipherSpec()
    let key: LuksVolumeKey? = try LibCryptsetup.monitor.withLock { () throws(BlockError) in
      guard !activeSlots.isEmpty else { return nil }
      return try HeaderCopy(self, in: area).volumeKey(passphrase, slot: slot, keyBytes: keyBytes)
    }
    guard let key else {
      throw BlockError(
        .accessDenied, "Invalid password, cannot unlock any keyslot",
        advice: "Mind that a line feed at the end of a secret's file is part of the secret.")
    }
    return key
  }

  /// The numbers of the active slots among `candidates` that a passphrase opens.
  public func slots(matching passphrase: Secret, among candidates: [Int], in area: some LuksArea)
    throws(BlockError) -> [Int]
  {
    try LibCryptsetup.monitor.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(self, in: area)
      var matching: [Int] = []
      for slot in candidates where self.slot(slot)?.isActive ?? false {
        if try copy.volumeKey(passphrase, slot: slot, keyBytes: keyBytes) != nil { matching.append(slot) }
      }
      return matching
    }
  }

  /// Makes a new header with a new volume key and writes it to `area`, which holds nothing yet.
  public static func create(_ recipe: LuksRecipe, passphrase: Secret, in area: some LuksArea)
    throws(BlockError) -> (header: LuksHeader, key: LuksVolumeKey)
  {
    let cost = try KeyCost(
      recipe.derivation, hash: recipe.hash, milliseconds: recipe.iterationTime,
      keyBytes: recipe.cipher.keyBytes)
    return try LibCryptsetup.monitor.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(length: recipe.headerLength)
      let key = try Secret(random: recipe.cipher.keyBytes)
      try copy.format(recipe, key: key, cost)
      let slot = try copy.add(passphrase, key: key, slot: 0, cost)
      let header = try LuksHeader(in: CopyArea(file: copy.file), isDetached: recipe.isDetached)
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
