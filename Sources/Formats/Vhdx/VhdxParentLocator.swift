// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The way to the parent of a differencing image ([MS-VHDX] 2.6.2.6): keys with values, in UTF-16.
struct VhdxParentLocator: Equatable {
  /// The only kind of locator that there is.
  static let kind = GUID(0xb04a_efb7, 0xd19e, 0x4a81, 0xb789_25b8_e944_5913)
  /// The most keys that are read.
  static let mostKeys = 64
  /// The longest value in bytes that is read or written: a path of 32,767 units.
  static let longestValue = 65_534

  /// The keys with their values, in the order in which they stand there.
  var entries: [(key: String, value: String)]

  static func == (one: VhdxParentLocator, other: VhdxParentLocator) -> Bool {
    one.entries.elementsEqual(other.entries) { $0 == $1 }
  }

  /// The value of a key.
  subscript(key: String) -> String? { entries.first { $0.key == key }?.value }

  init(entries: [(key: String, value: String)]) { self.entries = entries }

  /// Reads a locator from at least 20 bytes.
  ///
  /// - Throws: kind `unsupported` for a locator of another kind; kind `corrupt` for keys where none can be.
  init(parsing item: Buffer) throws(BlockError) {
    let kind = GUID(parsing: item.bytes, at: 0)
    guard kind == VhdxParentLocator.kind else {
      throw BlockError(.unsupported, "the VHDX parent locator is of the kind \(kind), which is not known")
    }
    let count = Int(item.bytes.little16(at: 18))
    guard count <= VhdxParentLocator.mostKeys, 20 + count * 12 <= item.count else {
      throw BlockError(.corrupt, "the VHDX parent locator has \(count) keys")
    }
    entries = []
    for index in 0..<count {
      let place = 20 + index * 12
      let key = try VhdxParentLocator.text(
        in: item, at: item.bytes.little32(at: place), count: item.bytes.little16(at: place + 8), "key")
      let value = try VhdxParentLocator.text(
        in: item, at: item.bytes.little32(at: place + 4), count: item.bytes.little16(at: place + 10), "value")
      entries.append((key, value))
    }
  }

  private static func text(in item: Buffer, at offset: UInt32, count: UInt16, _ what: String)
    throws(BlockError) -> String
  {
    guard UInt64(offset) + UInt64(count) <= UInt64(item.count), count % 2 == 0, count > 0 else {
      throw BlockError(
        .corrupt,
        "a \(what) of the VHDX parent locator (offset \(offset), \(count) bytes) is where none can be")
    }
    var units: [UInt16] = []
    for index in stride(from: Int(offset), to: Int(offset) + Int(count), by: 2) {
      units.append(item.bytes.little16(at: index))
    }
    guard let text = String(validating: units, as: UTF16.self), !text.unicodeScalars.contains("\0") else {
      throw BlockError(.corrupt, "a \(what) of the VHDX parent locator is no text")
    }
    return text
  }

  /// The bytes of the item.
  ///
  /// - Throws: kind `tooLarge` for a value that has no room; kind `invalidArgument` for one that is no text.
  func bytes() throws(BlockError) -> Buffer {
    var texts: [[UInt16]] = []
    for (key, value) in entries {
      guard let text = String(validating: value.spelledBytes, as: UTF8.self) else {
        throw BlockError(.invalidArgument, "'\(value)' cannot be stored: it is no text")
      }
      texts += [Array(key.utf16), Array(text.utf16)]
      guard text.utf16.count * 2 <= VhdxParentLocator.longestValue else {
        throw BlockError(.tooLarge, "Backing file name too long")
      }
    }
    let buffer = Buffer(count: texts.reduce(20 + entries.count * 12) { $0 + $1.count * 2 })
    var bytes = buffer.mutableBytes
    VhdxParentLocator.kind.write(to: &bytes, at: 0)
    bytes.storeLittle(UInt32(entries.count) << 16, at: 16)
    var offset = 20 + entries.count * 12
    for (index, text) in texts.enumerated() {
      let place = 20 + index / 2 * 12
      bytes.storeLittle(UInt32(offset), at: place + index % 2 * 4)
      bytes.store(UInt8(truncatingIfNeeded: text.count * 2), at: place + 8 + index % 2 * 2)
      bytes.store(UInt8(truncatingIfNeeded: (text.count * 2) >> 8), at: place + 9 + index % 2 * 2)
      for unit in text {
        bytes.store(UInt8(truncatingIfNeeded: unit), at: offset)
        bytes.store(UInt8(truncatingIfNeeded: unit >> 8), at: offset + 1)
        offset += 2
      }
    }
    return buffer
  }
}
