// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// The header of a member of a tar archive (POSIX.1-1988 "ustar", with the sizes of GNU tar).
package struct TarHeader: Sendable {
  /// Bytes of a header, and the unit to which members are filled up.
  package static let length = 512
  /// The largest size that stands there in octal digits, and the smallest that does not.
  package static let firstLargeSize: UInt64 = 1 << 33

  /// The kinds of members.
  package enum Kind: Equatable, Sendable {
    /// Bytes with a name.
    case file
    /// A name that others begin with.
    case folder
    /// Records that count for the next member, or for all.
    case extended(isGlobal: Bool)
    /// The name of the next member.
    case longName
    /// What is never followed or unpacked, in words.
    case refused(String)
  }

  /// The name, with its prefix, as its bytes.
  package let name: [UInt8]
  /// What the member is.
  package let kind: Kind
  /// Whether it has the sign of POSIX, or nothing where that could stand: what else has the sum is no header by it alone.
  package let isSigned: Bool
  private let statedSize: Result<UInt64, BlockError>

  /// A file's header.
  package init(file name: String, size: UInt64) {
    self.name = name.spelledBytes
    statedSize = .success(size)
    kind = .file
    isSigned = true
  }

  /// Reads a header.
  ///
  /// - Throws: kind `corrupt` for what is none.
  package init(parsing header: [UInt8]) throws(BlockError) {
    guard header.count == TarHeader.length, TarHeader.hasChecksum(header) else {
      throw BlockError(.corrupt, "a header's checksum is wrong")
    }
    var name = Array(header[0..<100].prefix { $0 != 0 })
    // GNU tar has other fields in the place of the prefix.
    if header[257..<263].elementsEqual("ustar\0".utf8) {
      let prefix = Array(header[345..<500].prefix { $0 != 0 })
      if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
    }
    self.name = name
    isSigned = header[257..<262].elementsEqual("ustar".utf8) || header[257..<512].allSatisfy { $0 == 0 }
    statedSize = TarHeader.size(Array(header[124..<136]))
    kind =
      switch header[156] {
      case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): .file
      case UInt8(ascii: "5"): .folder
      case UInt8(ascii: "x"): .extended(isGlobal: false)
      case UInt8(ascii: "g"): .extended(isGlobal: true)
      case UInt8(ascii: "L"): .longName
      case UInt8(ascii: "1"): .refused("a link")
      case UInt8(ascii: "2"): .refused("a symbolic link")
      case UInt8(ascii: "3"), UInt8(ascii: "4"): .refused("a device")
      case UInt8(ascii: "6"): .refused("a FIFO")
      case UInt8(ascii: "S"): .refused("a sparse file")
      case let type: .refused("of an unknown type (0x\(String(type, radix: 16)))")
      }
  }

  /// Bytes of the member.
  ///
  /// - Throws: kind `corrupt` for a number that makes no sense.
  package var size: UInt64 {
    get throws(BlockError) { try statedSize.get() }
  }

  /// A number of 12 bytes: octal digits, or 95 bits with the first one set.
  private static func size(_ field: [UInt8]) -> Result<UInt64, BlockError> {
    if field[0] & 0x80 != 0 {
      guard field[0] == 0x80, field[1..<4].allSatisfy({ $0 == 0 }), field[4] & 0x80 == 0 else {
        let isNegative = field[0] & 0x40 != 0
        return .failure(
          BlockError(.corrupt, "a member's size is \(isNegative ? "negative" : "larger than a file can be")"))
      }
      return .success(field[4...].reduce(0) { $0 << 8 | UInt64($1) })
    }
    let digits = field.drop { $0 == 0x20 }
    let number = digits.prefix { (0x30...0x37).contains($0) }
    guard digits.dropFirst(number.count).allSatisfy({ $0 == 0 || $0 == 0x20 }),
      let size = number.isEmpty ? 0 : UInt64(String(decoding: number, as: UTF8.self), radix: 8)
    else { return .failure(BlockError(.corrupt, "a member's size is no number")) }
    return .success(size)
  }

  /// Whether the sum of a header's bytes is the one that it states: that of unsigned bytes or, as some programs wrote it, of
  /// signed ones. The field itself counts as blanks.
  private static func hasChecksum(_ header: [UInt8]) -> Bool {
    var (unsigned, signed) = (0, 0)
    for index in 0..<length {
      let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : header[index]
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    let digits = header[148..<156].drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
    guard let stated = Int(String(decoding: digits, as: UTF8.self), radix: 8) else { return false }
    return stated == unsigned || stated == signed
  }

  /// The header of a file that everybody may read.
  ///
  /// - Throws: kind `tooLarge` for a name that is too long.
  package var bytes: [UInt8] {
    get throws(BlockError) {
      let size = try size
      guard name.count <= 100 else {
        throw BlockError(
          .tooLarge, "the name '\(String(spelling: name))' is longer than an archive can have it")
      }
      var header = [UInt8](repeating: 0, count: TarHeader.length)
      func put(_ bytes: [UInt8], at offset: Int) {
        header.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      }
      func octal(_ number: UInt64, _ width: Int) -> [UInt8] {
        let digits = String(number, radix: 8)
        return Array((String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits).utf8)
      }
      put(name, at: 0)
      put(octal(0o644, 7), at: 100)
      put(octal(0, 7), at: 108)
      put(octal(0, 7), at: 116)
      if size < TarHeader.firstLargeSize {
        put(octal(size, 11), at: 124)
      } else {
        put([0x80], at: 124)
        put((0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * UInt64($0))) }, at: 128)
      }
      put(octal(0, 11), at: 136)
      put(Array(repeating: UInt8(ascii: " "), count: 8), at: 148)
      put([UInt8(ascii: "0")], at: 156)
      put(Array("ustar\0".utf8) + Array("00".utf8), at: 257)
      put(octal(header.reduce(0) { $0 + UInt64($1) }, 6) + [0], at: 148)
      return header
    }
  }
}
