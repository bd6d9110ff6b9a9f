// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The start of an XML text, by which descriptions of disks are known. They have no magic number.
package enum XMLHead {
  /// The text that starts with `head`, as far as that is looked at, in UTF-8.
  static func text(of head: RawSpan) -> [UInt8] {
    let start = head.slice(0..<min(head.byteCount, Signature.headLength))
    return start.utf8FromUTF16 ?? start.bytes(0..<start.byteCount)
  }

  /// The name of the outermost element, as it is written there, of a text that starts with `head`; nil where there is no such
  /// text, or the element comes too late.
  package static func root(of head: RawSpan) -> String? {
    let text = text(of: head)
    var rest = text[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    while true {
      rest = rest.drop { isBlank($0) }
      if rest.starts(with: "<?".utf8) {
        rest = behind("?>", in: rest)
      } else if rest.starts(with: "<!--".utf8) {
        rest = behind("-->", in: rest)
      } else if rest.starts(with: "<!DOCTYPE".utf8) {
        rest = behindDocumentType(rest)
      } else {
        break
      }
    }
    guard rest.first == UInt8(ascii: "<") else { return nil }
    let name = rest.dropFirst().prefix { !isBlank($0) && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "/") }
    guard !name.isEmpty, name.endIndex < rest.endIndex, name.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      return nil
    }
    return String(decoding: name, as: UTF8.self)
  }

  /// Whether a file that starts with `head` is the description of a disk of Parallels in several files.
  package static func isParallelsDisk(_ head: RawSpan) -> Bool { root(of: head) == "Parallels_disk_image" }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// What follows a document type, with the declarations in brackets that it may have; nothing where it has no end.
  private static func behindDocumentType(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var isInside = false
    var quote: UInt8?
    for index in text.indices {
      switch text[index] {
      case let byte where quote != nil: if byte == quote { quote = nil }
      case let byte where byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\""): quote = byte
      case UInt8(ascii: "["): isInside = true
      case UInt8(ascii: "]"): isInside = false
      case UInt8(ascii: ">") where !isInside: return text[(index + 1)...]
      default: break
      }
    }
    return text[text.endIndex...]
  }

  /// What follows the next `sign`; nothing where there is none.
  private static func behind(_ sign: String, in text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let sign = Array(sign.utf8)
    var index = text.startIndex
    while index + sign.count <= text.endIndex {
      if text[index...].starts(with: sign) { return text[(index + sign.count)...] }
      index += 1
    }
    return text[text.endIndex...]
  }
}
