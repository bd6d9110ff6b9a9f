// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The start of a virtual appliance: an archive (OVA), or the description (OVF) that stands in one.
package enum ApplianceHead {
  /// The most headers that are looked at to find a description.
  private static let mostHeaders = 64
  /// What files of an appliance are called that programs put in front of its description.
  private static let partEndings = [
    ".mf", ".cert", ".vmdk", ".vhd", ".vhdx", ".vdi", ".qcow2", ".img", ".raw", ".iso", ".nvram", ".xml",
    ".gz",
    ".000000000",
  ]

  /// Whether a file that starts with `head` is a tar archive whose first member is called `….ovf`. Records may stand before
  /// it, as of its owner or of times in fractions of seconds.
  package static func isArchive(_ head: RawSpan) -> Bool {
    firstMember(in: head)?.isDescription == true
  }

  /// Whether such an archive may start with `head`: its first member may also be another file of an appliance.
  package static func mayBeArchive(_ head: RawSpan) -> Bool {
    firstMember(in: head).map { $0.isDescription || $0.isPart } ?? false
  }

  private static func firstMember(in head: RawSpan) -> Member? {
    member { (offset) in
      guard offset <= UInt64(max(head.byteCount, 512) - 512), head.byteCount >= 512 else { return nil }
      return head.bytes(Int(offset)..<Int(offset) + 512)
    }
  }

  /// Whether a file is an archive with a description: its first member, or one behind other files of an appliance.
  package static func isArchive(_ input: ProbeInput) -> Bool {
    guard let first = firstMember(in: input.head.bytes) else { return false }
    guard first.isPart else { return first.isDescription }
    return member(isLast: \.isDescription) { input.bytes(at: $0, count: 512) }?.isDescription == true
  }

  /// A file in an archive, as far as its header tells.
  private struct Member {
    var name: [UInt8]
    /// Bytes that it has; nil for what cannot be.
    var size: UInt64?
    var type: UInt8

    init?(_ block: [UInt8]) {
      guard hasChecksum(block) else { return nil }
      // Before POSIX, nothing but the sum told a header.
      guard block[257..<262].elementsEqual("ustar".utf8) || block[257..<512].allSatisfy({ $0 == 0 }) else {
        return nil
      }
      name = block[0..<100].prefix { $0 != 0 }.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      type = block[156]
      if block[124] == 0x80 {
        size = block[128..<136].reduce(0) { $0 << 8 | UInt64($1) }
      } else {
        let digits = block[124..<136].drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
        size = UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
      }
    }

    var isFile: Bool { type == 0 || type == UInt8(ascii: "0") }
    var isDescription: Bool { isFile && ends(with: ".ovf") }
    var isPart: Bool { isFile && ApplianceHead.partEndings.contains(where: ends) }

    private func ends(with ending: String) -> Bool {
      name.count > ending.utf8.count && name.suffix(ending.utf8.count).elementsEqual(ending.utf8)
    }
  }

  /// The first file for which `isLast` says so, of those at the start of an archive whose blocks `read` has.
  private static func member(isLast: (Member) -> Bool = \.isFile, _ read: (UInt64) -> [UInt8]?) -> Member? {
    var offset: UInt64 = 0
    for _ in 0..<mostHeaders {
      guard let member = read(offset).flatMap(Member.init) else { return nil }
      if isLast(member) { return member }
      switch member.type {
      case 0, UInt8(ascii: "0"), UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "5"):
        break
      default: return nil
      }
      guard let size = member.size, let next = size.roundedUp(to: 512)?.plus(512),
        let end = offset.plus(next)
      else { return nil }
      offset = end
    }
    return nil
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
  package static func hasChecksum(_ header: [UInt8]) -> Bool {
    var (unsigned, signed) = (0, 0)
    for index in 0..<512 {
      let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : header[index]
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    let digits = header[148..<156].drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
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
