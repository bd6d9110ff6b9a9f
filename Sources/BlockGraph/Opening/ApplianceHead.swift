// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The start of a virtual appliance: an archive (OVA), or the description (OVF) that stands in one.
package enum ApplianceHead {
  /// Whether a file that starts with `head` is a tar archive whose first member is called `….ovf`. Records may stand before
  /// it, as of its owner or of times in fractions of seconds.
  package static func isArchive(_ head: RawSpan) -> Bool {
    var offset = 0
    while offset + 512 <= min(head.byteCount, Signature.headLength) {
      let header = head.slice(offset..<offset + 512)
      guard header.bytes(257..<262).elementsEqual("ustar".utf8), hasChecksum(header) else { return false }
      switch header.byte(at: 156) {
      case 0, UInt8(ascii: "0"):
        let name = header.bytes(0..<100).prefix { $0 != 0 }
        return name.count > 4 && name.suffix(4).map { $0 | 0x20 }.elementsEqual(".ovf".utf8.map { $0 | 0x20 })
      case UInt8(ascii: "x"), UInt8(ascii: "g"):
        let digits = header.bytes(124..<136).prefix { (0x30...0x37).contains($0) }
        guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 8), size < Signature.headLength
        else {
          return false
        }
        offset += 512 + (size + 511) / 512 * 512
      default: return false
      }
    }
    return false
  }

  /// Whether a file that starts with `head` is the description of an appliance.
  package static func isEnvelope(_ head: RawSpan) -> Bool {
    guard let root = XMLHead.root(of: head), root == "Envelope" || root.hasSuffix(":Envelope") else {
      return false
    }
    return head.contains("/ovf/", within: Signature.headLength)
  }

  /// Whether the sum of a header's bytes is the one that it states: that of unsigned bytes or, as some programs wrote it, of
  /// signed ones. The field itself counts as blanks.
  package static func hasChecksum(_ header: RawSpan) -> Bool {
    var (unsigned, signed) = (0, 0)
    for index in 0..<512 {
      let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : header.byte(at: index)
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    let digits = header.bytes(148..<156).drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
    guard let stated = Int(String(decoding: digits, as: UTF8.self), radix: 8) else { return false }
    return stated == unsigned || stated == signed
  }
}

extension RawSpan {
  /// Whether a text stands among the first `count` bytes.
  fileprivate func contains(_ text: String, within count: Int) -> Bool {
    let end = min(byteCount, count)
    let bytes = Array(text.utf8)
    guard end >= bytes.count else { return false }
    for start in 0...end - bytes.count
    where bytes.indices.allSatisfy({ byte(at: start + $0) == bytes[$0] }) { return true }
    return false
  }
}
