// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The start of a virtual appliance: an archive (OVA), or the description (OVF) that stands in one.
package enum ApplianceHead {
  /// The most headers that are looked at to find a description.
  private static let mostHeaders = 64
  /// What files of an appliance are called that programs put in front of its description.
  fileprivate static let partEndings = [
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

  /// Whether a file that starts with `head` was such an archive before its first header was damaged.
  static func isDamagedArchive(_ head: RawSpan) -> Bool {
    guard head.byteCount >= TarHeader.length else { return false }
    let block = head.bytes(0..<TarHeader.length)
    guard block[257..<262].elementsEqual("ustar".utf8), (try? TarHeader(parsing: block)) == nil else {
      return false
    }
    return ends(block.prefix(100).prefix { $0 != 0 }, with: ".ovf")
  }

  /// Whether a name ends so, in small letters or large ones.
  fileprivate static func ends(_ name: some BidirectionalCollection<UInt8>, with ending: String) -> Bool {
    guard name.count > ending.utf8.count else { return false }
    return name.suffix(ending.utf8.count).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      .elementsEqual(ending.utf8)
  }

  private static func firstMember(in head: RawSpan) -> TarHeader? {
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

  /// The header of a member; nil for what has its sum by chance.
  private static func header(_ block: [UInt8]) -> TarHeader? {
    guard let header = try? TarHeader(parsing: block), header.isSigned else { return nil }
    return header
  }

  /// The first file for which `isLast` says so, of those at the start of an archive whose blocks `read` has.
  private static func member(isLast: (TarHeader) -> Bool = { $0.kind == .file }, _ read: (UInt64) -> [UInt8]?)
    -> TarHeader?
  {
    var offset: UInt64 = 0
    for _ in 0..<mostHeaders {
      guard let member = read(offset).flatMap(header) else { return nil }
      if isLast(member) { return member }
      if case .refused = member.kind { return nil }
      guard let size = try? member.size, let next = size.roundedUp(to: 512)?.plus(512),
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
    return XMLHead.text(of: head).firstRange(of: Array("/ovf/".utf8)) != nil
  }
}

extension TarHeader {
  /// Whether it is a file that describes an appliance, or belongs to one, by its name.
  fileprivate var isDescription: Bool { kind == .file && ends(with: ".ovf") }
  fileprivate var isPart: Bool { kind == .file && ApplianceHead.partEndings.contains(where: ends) }

  private func ends(with ending: String) -> Bool { ApplianceHead.ends(name, with: ending) }
}
