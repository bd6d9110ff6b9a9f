// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The names of a parent: as images spell them, and as files are called here.
struct VpcParentName {
  /// The names by which a parent is looked for, the most exact first.
  private(set) var candidates: [String] = []

  /// Notes the name that a locator has in `bytes`.
  mutating func add(_ locator: VpcLocator, _ bytes: RawSpan) {
    switch locator.code {
    case VpcLocator.Code.relative, VpcLocator.Code.absolute:
      var units: [UInt16] = []
      for index in stride(from: 0, to: bytes.byteCount - 1, by: 2) {
        units.append(UInt16(bytes.byte(at: index)) | UInt16(bytes.byte(at: index + 1)) << 8)
      }
      add(VpcParentName.text(units.prefix { $0 != 0 }))
    case VpcLocator.Code.url: add(url: bytes.bytes(0..<bytes.byteCount))
    default: break
    }
  }

  /// Notes a path with the separators of Windows or of here: a relative one as it is, and of any the last part, which is
  /// looked for beside the image.
  mutating func add(_ name: String?) {
    for name in WindowsPath.names(name ?? "") { note(name) }
  }

  private mutating func add(url bytes: [UInt8]) {
    var decoded: [UInt8] = []
    var index = 0
    while index < bytes.count, bytes[index] != 0 {
      let digits = bytes[index...].dropFirst().prefix(2)
      if bytes[index] == UInt8(ascii: "%"), digits.count == 2,
        let value = UInt8(String(spelling: digits), radix: 16)
      {
        decoded.append(value)
        index += 3
      } else {
        decoded.append(bytes[index])
        index += 1
      }
    }
    var text = String(spelling: decoded.prefix { $0 != 0 })
    for prefix in ["file://localhost", "file://"] where text.hasPrefix(prefix) {
      text.removeFirst(prefix.count)
      break
    }
    let last = text.split(separator: "/").last.map { String($0) }
    guard let last else { return }
    note(text)
    note(last)
  }

  private mutating func note(_ name: String) {
    let name = WindowsPath.plain(name)
    if !candidates.contains(name) { candidates.append(name) }
  }

  // MARK: Spelling

  /// The text of a name in UTF-16; nil for none.
  static func text(_ units: some Collection<UInt16>) -> String? {
    units.isEmpty ? nil : String(spelling: String(decoding: units, as: UTF16.self).utf8)
  }

  /// A name in UTF-16; empty where its bytes are no text.
  static func units(_ name: String) -> [UInt16] {
    Array((String(validating: name.spelledBytes, as: UTF8.self) ?? "").utf16)
  }

  /// The locators by which an image in a file called `image` names its parent, with the bytes of their names: a relative
  /// name where the parent is in the image's folder or stated so, an absolute one where it is stated so.
  ///
  /// - Throws: kind `invalidArgument` for a name that is no text, or that Windows would take apart elsewhere; kind
  ///   `tooLarge` for one that is too long.
  static func locators(of name: String, in image: String) throws(BlockError) -> [(
    code: UInt32, name: [UInt8]
  )] {
    let bytes = name.spelledBytes
    guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(UInt8(ascii: "\\")) else {
      throw BlockError(.invalidArgument, "A vpc image cannot name the backing file '\(name)'")
    }
    guard bytes.count <= 4096 else { throw BlockError(.tooLarge, "Backing file name too long") }
    var locators: [(UInt32, [UInt8])] = []
    func add(_ code: UInt32, _ text: String) {
      var bytes: [UInt8] = []
      for unit in units(text) {
        bytes += [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)]
      }
      locators.append((code, bytes))
    }
    let spellings = WindowsPath.spellings(of: name, in: image)
    if let relative = spellings.relative { add(VpcLocator.Code.relative, relative) }
    if let absolute = spellings.absolute { add(VpcLocator.Code.absolute, absolute) }
    return locators
  }
}
