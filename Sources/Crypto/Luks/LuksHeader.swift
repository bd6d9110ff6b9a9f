// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

/// The fields of a LUKS header, checked: every offset, length and cost is inside the limits of `LuksLimits`.
package struct LuksHeader: Sendable, Equatable {
  /// The format's version, 1 or 2.
  package var version: Int
  /// The image's id, as text.
  package var uuid: String
  /// The cipher's name, such as `aes`.
  package var cipher: String
  /// Mode and IV generator, such as `xts-plain64`.
  package var mode: String
  /// Bytes of the volume key.
  package var keyBytes: Int
  /// The digest that tells the volume key from others; in version 1 its hash function is that of everything.
  package internal(set) var digest: VolumeKeyDigest
  /// The offset of the encrypted data, in bytes from the start of the header.
  package var payloadOffset: UInt64
  /// Bytes of encrypted data, or nil for all up to the end.
  package var payloadLength: UInt64?
  /// Bytes that are encrypted as one.
  package var sectorSize: Int
  /// This is added to the number of each sector before it becomes an IV.
  package var ivTweak: UInt64
  /// Places for keys: all eight of version 1, those that are there of version 2; by number.
  package var slots: [LuksKeySlot]
  /// Bytes of one copy of the header.
  package var metadataSize: UInt64
  /// How many copies there are.
  package var copies: Int
  /// The user's name for the image; version 2 only.
  package var label: String
  /// How many changes the header has seen; version 2 only.
  package var sequence: UInt64
  /// Whether the first copy is the one that counts; of version 2 another may be whole alone.
  package var isFirstCopy = true
  /// Whether the encrypted data lies in another file, where `payloadOffset` counts.
  package var isDetached: Bool
  /// The end of the room for key material, in bytes from the start of the header.
  var materialEnd: UInt64

  /// The first bytes of every header.
  package static let magic: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]

  /// The version that the first bytes of a file announce, or nil where they are no LUKS header's.
  package static func version(announcedBy head: RawSpan) -> Int? {
    guard head.byteCount >= 8 else { return nil }
    for (index, byte) in magic.enumerated() where head.byte(at: index) != byte { return nil }
    return Int(head.big16(at: 6))
  }

  /// The hash function of the volume key's digest; in version 1 that of everything.
  package var hash: String { digest.hash }

  /// Iterations of the volume key's digest.
  package var digestIterations: UInt64 { digest.iterations }

  /// Whether `area` has a header, whole or not: at its start or, of version 2, where a second copy may lie.
  package static func isAnnounced(in area: some LuksArea) -> Bool {
    let head = Buffer(count: 8)
    var bytes = head.mutableBytes
    guard (try? area.read(at: 0, into: &bytes)) != nil else { return false }
    return version(announcedBy: head.bytes) != nil || secondCopy(in: area) != nil
  }

  /// The numbers of the slots that hold the volume key.
  package var activeSlots: [Int] { slots.filter { $0.isActive }.map(\.number) }

  /// The numbers of the active slots that can be used here.
  package var usableSlots: [Int] { slots.filter { $0.isUsable }.map(\.number) }

  /// The active slots that cannot be used here, each with the reason in words.
  package var unusableSlots: [(number: Int, reason: String)] {
    slots.filter { $0.isActive }.compactMap { slot in
      slot.flaw.map { (number: slot.number, reason: $0.message) }
    }
  }

  /// Bytes of the header and its key material, up to the encrypted data where that follows.
  package var length: UInt64 { max(materialEnd, payloadOffset) }

  /// Bytes that a copy of header and keys has at least: all copies of the header, and the room for key material. In
  /// front of data these are whole pages, also where other programs make the copy.
  package var leastCopyLength: UInt64 {
    payloadOffset == 0 ? materialEnd : min(materialEnd.roundedUp(to: 4096) ?? materialEnd, length)
  }

  /// How many keys there can be.
  package var slotCount: Int { version == 1 ? 8 : 32 }

  /// The slot with this number, where there is one.
  package func slot(_ number: Int) -> LuksKeySlot? { slots.first { $0.number == number } }

  /// The cipher of the encrypted data.
  ///
  /// - Throws: kind `unsupported` for one that is not known here, naming it.
  package func cipherSpec() throws(BlockError) -> CipherSpec {
    try CipherSpec(cipher: cipher, mode: mode, keyBytes: keyBytes)
  }

  /// Makes the cipher of the encrypted data.
  package func makeCipher(_ key: LuksVolumeKey) throws(BlockError) -> SectorCipher {
    try SectorCipher(cipherSpec(), key: key.secret, sectorSize: sectorSize)
  }
}

extension LuksHeader {
  /// Reads the header in `area` without any secret.
  ///
  /// Slots that cannot be used are left alone, and say why. libcryptsetup, where the system has it, has to accept what
  /// version 2 says, too.
  ///
  /// - Parameters:
  ///   - isDetached: whether the encrypted data lies elsewhere.
  ///   - limits: the costs that keys may have.
  /// - Throws: kind `corrupt` or `unsupported`, naming the field.
  package init(in area: some LuksArea, isDetached: Bool = false, limits: LuksLimits = .usual)
    throws(BlockError)
  {
    try self.init(unconfirmed: area, isDetached: isDetached, limits)
    if version == 2 { try HeaderCopy.confirm(self, in: area) }
  }

  /// Reads the header as it is understood here alone.
  init(unconfirmed area: some LuksArea, isDetached: Bool, _ limits: LuksLimits = .usual) throws(BlockError) {
    let head = Buffer(count: 4096)
    var bytes = head.mutableBytes
    try area.read(at: 0, into: &bytes)
    switch LuksHeader.version(announcedBy: bytes.bytes) {
    case 1: self = try LuksHeader(version1: bytes.bytes, isDetached: isDetached, limits)
    case 2: self = try LuksHeader.version2(in: area, isDetached: isDetached, limits)
    case nil:
      // The first copy may be lost.
      guard LuksHeader.secondCopy(in: area) != nil else {
        throw BlockError(.corrupt, "Volume is not in LUKS format")
      }
      self = try LuksHeader.version2(in: area, isDetached: isDetached, limits)
    case .some(let other): throw BlockError(.unsupported, "LUKS version \(other) is not supported")
    }
    limits.refuseExcess(in: &slots)
    _ = try CipherName(cipher: cipher, mode: mode)
    guard !isDetached else {
      try refuseMissingMaterial(in: area)
      return
    }
    guard payloadOffset > 0 else {
      throw BlockError(
        .corrupt, "LUKS payload is overlapping with the header",
        advice: "A header that lies apart from its data has to be named beside it: --image-opts "
          + "driver=luks,file.filename=DATA,header.filename=\(.file). 'luks dump \(.file)' shows it alone."
      ).about(area.fileName)
    }
    guard payloadOffset <= area.length else {
      throw BlockError(
        .corrupt, "LUKS payload offset \(payloadOffset) is past the end of the file (\(area.length) bytes)")
    }
  }
}

extension LuksHeader {
  /// Refuses a file that ends before the keys do, and a place for data that no file can have.
  private func refuseMissingMaterial(in area: some LuksArea) throws(BlockError) {
    guard Int64(exactly: payloadOffset) != nil else {
      throw BlockError(.corrupt, "LUKS payload offset \(payloadOffset) is not possible")
    }
    for slot in slots where slot.isActive {
      guard slot.area.upperBound <= area.length else {
        throw BlockError(
          .corrupt, "Keyslot \(slot.number) is past the end of the header's file (\(area.length) bytes)")
      }
    }
  }
}

/// A place for a key, and what it takes to get the volume key out of it.
package struct LuksKeySlot: Sendable, Equatable {
  /// How a key follows from a passphrase.
  package enum Derivation: Sendable, Equatable {
    /// PBKDF2 with this hash function.
    case pbkdf2(hash: String, iterations: UInt64)
    /// `argon2i` or `argon2id`: passes over so much memory with so many threads.
    case argon2(name: String, passes: UInt64, kibibytes: UInt64, threads: UInt64)
    /// In a way that is not known here.
    case other(name: String)
  }

  /// Its number.
  package var number: Int
  /// Whether it holds the volume key.
  package var isActive: Bool
  /// The range of its key material, in bytes from the start of the header.
  package var area: Range<UInt64>
  /// Into how many parts the key is split.
  package var stripes: UInt64
  /// How the key's key is made.
  package var derivation: Derivation
  /// The bytes that are mixed into the passphrase.
  var salt: [UInt8]
  /// How the key lies in the area; nil for a slot of an unknown type.
  var material: KeyMaterial?
  /// Whether it is to be tried only where it is asked for by number.
  var isIgnored = false
  /// Why it cannot be used, where it cannot.
  var flaw: BlockError?

  /// Whether it holds the volume key and can be used.
  var isUsable: Bool { isActive && flaw == nil }

  /// Whether both say the same; why a slot cannot be used follows from that.
  package static func == (left: LuksKeySlot, right: LuksKeySlot) -> Bool {
    left.number == right.number && left.isActive == right.isActive && left.area == right.area
      && left.stripes == right.stripes && left.derivation == right.derivation && left.salt == right.salt
      && left.material == right.material
  }
}

/// The key that a disk is encrypted with.
package struct LuksVolumeKey: Sendable {
  /// The slot it came from.
  package let slot: Int
  /// The key itself; wiped with its last reference.
  package let secret: Secret
}
