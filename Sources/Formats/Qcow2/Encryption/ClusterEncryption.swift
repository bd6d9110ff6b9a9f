// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Crypto
internal import Errors
internal import Host

/// The encryption of an image's guest data, as the image was opened.
struct ClusterEncryption: Sendable {
  /// The volume key, the secret that opened it, and the cipher.
  struct Unlocked: Sendable {
    /// The volume key; nil where the secret itself is the key.
    var key: LuksVolumeKey?
    /// The secret itself, to tell which keys it opens.
    var passphrase: Secret
    var cipher: SectorCipher
  }

  /// How guest data is encrypted.
  let method: CryptMethod
  /// The place of the encryption header; nil where there is none.
  let place: EncryptionPlace?
  /// The encryption header as it is in the image.
  var header: LuksHeader?
  /// Nil where the image is open without its key, so that only what describes it can be read.
  let unlocked: Unlocked?

  /// Bytes that are encrypted as one.
  static let sector: UInt64 = 512

  /// The number that the IV of a sector is made of: LUKS goes by where it lies, the old way by where the guest has it.
  func number(guestOffset: UInt64, hostOffset: UInt64) -> UInt64 {
    (method == .luks ? hostOffset : guestOffset) / SectorCipher.ivUnit
  }

  /// The cipher.
  ///
  /// - Throws: kind `accessDenied` where the image is open without its key.
  func cipher() throws(BlockError) -> SectorCipher {
    guard let unlocked else { throw BlockError(.accessDenied, "Encrypted image is open without its key") }
    return unlocked.cipher
  }
}

extension ClusterEncryption {
  /// Reads the encryption header, and unlocks it unless only what describes the image is wanted.
  ///
  /// - Returns: nil for an image that is not encrypted.
  /// - Throws: the defect of the header, the options or the secret, in `qemu-img`'s words.
  init?(
    _ header: Header, _ file: Edge, _ options: Qcow2Options, _ request: OpenRequest
  )
    throws(BlockError)
  {
    let method = CryptMethod(rawValue: header.cryptMethod) ?? .none
    if let wanted = options.encryptionFormat, wanted != method.formatName {
      guard method != .none else {
        throw BlockError(
          .invalidArgument, "No encryption in image header, but options specified format '\(wanted)'")
      }
      throw BlockError(
        .invalidArgument,
        "Header reported '\(method.formatName)' encryption format but options specify '\(wanted)'")
    }
    guard method != .none else { return nil }
    self.method = method
    place = try method == .luks ? EncryptionPlace(header, fileLength: file.length) : nil
    if let place {
      let found = try LuksHeader(
        in: EncryptionArea(edge: file, place: place), limits: request.isUntrusted ? .untrusted : .usual)
      guard found.version == 1 else {
        throw BlockError(.unsupported, "LUKS version \(found.version) is not supported inside a qcow2 image")
      }
      self.header = found
    }
    guard !request.flags.contains(.noIO) else {
      unlocked = nil
      return
    }
    let passphrase = try ClusterEncryption.passphrase(options.keySecret, request.secrets)
    guard let place, let found = self.header else {
      unlocked = Unlocked(passphrase: passphrase, cipher: try SectorCipher(qcowPassphrase: passphrase))
      return
    }
    found.tellBeforeUnlocking(of: request.node.fileName, isUntrusted: request.isUntrusted) {
      request.warn(.remark($0))
    }
    let key = try found.unlock(passphrase, in: EncryptionArea(edge: file, place: place))
    unlocked = Unlocked(key: key, passphrase: passphrase, cipher: try found.makeCipher(key))
  }

  /// The secret that an option names.
  static func passphrase(_ name: String?, _ secrets: any SecretSource, isNew: Bool = false) throws(BlockError)
    -> Secret
  {
    guard let name else {
      throw .noSecret("encrypt.key-secret", of: "qcow2", isNew: isNew)
    }
    return isNew ? try secrets.newKey(named: name) : try secrets.secret(named: name)
  }
}

extension CryptMethod {
  /// The name that users write.
  var formatName: String {
    switch self {
    case .none: ""
    case .aes: "aes"
    case .luks: "luks"
    }
  }
}

/// The place of the encryption header in the image file.
struct EncryptionPlace: Sendable, Equatable {
  /// The first byte; a cluster starts there.
  var offset: UInt64
  /// Bytes up to the end of what belongs to it.
  var length: UInt64

  /// Longer than any header that there is a use for.
  private static let longest: UInt64 = 64 << 20

  /// Makes a place.
  init(offset: UInt64, length: UInt64) {
    self.offset = offset
    self.length = length
  }

  /// Reads the header extension.
  ///
  /// - Throws: kind `corrupt`, naming the field.
  init(_ header: Header, fileLength: UInt64) throws(BlockError) {
    guard let data = header.first(.encryption)?.data else {
      throw BlockError(.corrupt, "Missing CRYPTO header for crypt method 2")
    }
    guard data.count == EncryptionPlace.size else {
      throw BlockError(
        .corrupt, "CRYPTO header extension size \(data.count), but expected size \(EncryptionPlace.size)")
    }
    let buffer = Buffer(data)
    offset = buffer.bytes.big64(at: 0)
    length = buffer.bytes.big64(at: 8)
    guard offset > 0 else {
      throw BlockError(.corrupt, "Encryption header offset '0' is that of the image's own header")
    }
    guard header.geometry.offsetInCluster(offset) == 0 else {
      throw BlockError(
        .corrupt,
        "Encryption header offset '\(offset)' is not a multiple of cluster size '\(header.geometry.clusterSize)'"
      )
    }
    guard length <= EncryptionPlace.longest else {
      throw BlockError(.tooLarge, "The encryption header of \(length) bytes is longer than any can be")
    }
    guard let end = offset.plus(length), end <= fileLength.roundedUp(to: header.geometry.clusterSize) ?? .max
    else {
      throw BlockError(
        .corrupt, "The encryption header lies past the end of the file (offset \(offset), \(length) bytes)")
    }
  }

  /// Bytes of the header extension.
  static let size = 16

  /// The data of the header extension.
  var data: [UInt8] {
    var bytes: [UInt8] = []
    for word in [offset, length] {
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return bytes
  }
}

/// The encryption header's part of the image file.
struct EncryptionArea: LuksArea {
  let edge: Edge
  let place: EncryptionPlace

  var length: UInt64 { place.length }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    let inside = offset >= place.length ? 0 : Int(min(place.length - offset, UInt64(buffer.byteCount)))
    if inside > 0 {
      var part = buffer.slice(0..<inside)
      try edge.read(at: place.offset + offset, into: &part)
    }
    if inside < buffer.byteCount {
      var rest = buffer.slice(inside..<buffer.byteCount)
      rest.fill()
    }
  }

  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    guard let end = offset.plus(UInt64(data.byteCount)), end <= place.length else {
      throw BlockError(.corrupt, "The encryption header does not fit its \(place.length) bytes")
    }
    try edge.write(at: place.offset + offset, from: data)
  }

  func flush() throws(BlockError) { try edge.flush() }
}
