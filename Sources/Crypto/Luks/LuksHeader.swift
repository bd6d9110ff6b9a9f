// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
public import Errors
public import Host

/// What a LUKS header says, checked: every offset, length and cost is inside the limits of `LuksLimits`.
public struct LuksHeader: Sendable, Equatable {
  /// The format's version, 1 or 2.
  public var version: Int
  /// The image's id, as text.
  public var uuid: String
  /// The cipher's name, such as `aes`.
  public var cipher: String
  /// Mode and IV generator, such as `xts-plain64`.
  public var mode: String
  /// Bytes of the volume key.
  public var keyBytes: Int
  /// The hash function of the volume key's digest; in version 1 that of everything.
  public var hash: String
  /// Iterations of the volume key's digest.
  public var digestIterations: UInt64
  /// Where encrypted data starts, in bytes from the start of the header.
  public var payloadOffset: UInt64
  /// Bytes of encrypted data, or nil for all up to the end.
  public var payloadLength: UInt64?
  /// Bytes that are encrypted as one.
  public var sectorSize: Int
  /// What is added to the number of each sector before it becomes an IV.
  public var ivTweak: UInt64
  /// Places for keys: all eight of version 1, those that are there of version 2; by number.
  public var slots: [LuksKeySlot]
  /// Bytes of one copy of the header.
  public var metadataSize: UInt64
  /// How many copies there are.
  public var copies: Int
  /// The user's name for the image; version 2 only.
  public var label: String
  /// How many changes the header has seen; version 2 only.
  public var sequence: UInt64
  /// Whether the encrypted data lies in another file, where `payloadOffset` counts.
  public var isDetached: Bool
  /// Where the room for key material ends, in bytes from the start of the header.
  var materialEnd: UInt64

  /// The first bytes of every header.
  public static let magic: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]

  /// The version that the first bytes of a file announce, or nil where they are no LUKS header's.
  public static func version(announcedBy head: RawSpan) -> Int? {
    guard head.byteCount >= 8 else { return nil }
    for (index, byte) in magic.enumerated() where head.byte(at: index) != byte { return nil }
    return Int(head.big16(at: 6))
  }

  /// The numbers of the slots that hold the volume key.
  public var activeSlots: [Int] { slots.filter { $0.isActive }.map(\.number) }

  /// Bytes of the header and its key material, up to the encrypted data where that follows.
  public var length: UInt64 { max(materialEnd, payloadOffset) }

  /// How many keys there can be.
  public var slotCount: Int { version == 1 ? 8 : 32 }

  /// The slot with this number, where there is one.
  public func slot(_ number: Int) -> LuksKeySlot? { slots.first { $0.number == number } }

  /// The cipher of the encrypted data.
  ///
  /// - Throws: kind `unsupported` for one that is not known here, naming it.
  public func cipherSpec() throws(BlockError) -> CipherSpec {
    try CipherSpec(cipher: cipher, mode: mode, keyBytes: keyBytes)
  }

  /// Makes the cipher of the encrypted data.
  public func makeCipher(_ key: LuksVolumeKey) throws(BlockError) -> SectorCipher {
    try SectorCipher(cipherSpec(), key: key.secret, sectorSize: sectorSize)
  }
}

extension LuksHeader {
  /// Reads the header in `area` without any secret.
  ///
  /// - Parameters:
  ///   - isDetached: whether the encrypted data lies elsewhere.
  /// - Throws: kind `corrupt` or `unsupported`, naming the field.
  public init(in area: some LuksArea, isDetached: Bool = false) throws(BlockError) {
    let head = Buffer(count: 4096)
    var bytes = head.mutableBytes
    try area.read(at: 0, into: &bytes)
    switch LuksHeader.version(announcedBy: bytes.bytes) {
    case 1: self = try LuksHeader(version1: bytes.bytes, isDetached: isDetached)
    case 2: self = try LuksHeader.version2(in: area, isDetached: isDetached)
    case nil: throw BlockError(.corrupt, "Volume is not in LUKS format")
    case .some(let other): throw BlockError(.unsupported, "LUKS version \(other) is not supported")
    }
    guard mode.contains("-") else {
      throw BlockError(.unsupported, "Unexpected cipher mode string format '\(mode)'")
    }
    guard !isDetached else {
      try refuseMissingMaterial(in: area)
      return
    }
    guard payloadOffset > 0 else {
      throw BlockError(
        .corrupt, "LUKS payload is overlapping with the header",
        advice: "A header that lies apart from its data has to be named beside it: --image-opts "
          + "driver=luks,file.filename=DATA,header.filename=HEADER. 'luks dump HEADER' shows it alone.")
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
public struct LuksKeySlot: Sendable, Equatable {
  /// How a key follows from a passphrase.
  public enum Derivation: Sendable, Equatable {
    /// PBKDF2 with this hash function.
    case pbkdf2(hash: String, iterations: UInt64)
    /// `argon2i` or `argon2id`: passes over so much memory with so many threads.
    case argon2(name: String, passes: UInt64, kibibytes: UInt64, threads: UInt64)
  }

  /// Its number.
  public var number: Int
  /// Whether it holds the volume key.
  public var isActive: Bool
  /// Where its key material lies, in bytes from the start of the header.
  public var area: Range<UInt64>
  /// Into how many parts the key is split.
  public var stripes: UInt64
  /// How the key's key is made.
  public var derivation: Derivation
}

/// The key that a disk is encrypted with.
public struct LuksVolumeKey: Sendable {
  /// The slot it came from.
  public let slot: Int
  /// The key itself; wiped with its last reference.
  public let secret: Secret
}
