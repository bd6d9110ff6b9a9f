// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import XML

/// The description of an appliance (DMTF DSP0243, Open Virtualization Format 1 and 2), as far as it is about disks.
struct OvfEnvelope {
  /// A disk.
  struct Disk {
    /// Its identifier.
    var id: String
    /// The name of its file, as the description has it; nil for a disk that is empty.
    var file: String?
    /// Bytes of that file, where they are stated.
    var fileSize: UInt64?
    /// Bytes of its parts where the file is stored in several; nil for one.
    var chunkSize: UInt64?
    /// How the file is compressed; nil where it is not.
    var compression: String?
    /// Bytes of the disk, where they are stated. The disk's own header counts.
    var capacity: UInt64?
    /// The URI of its format; nil where none is stated.
    var format: String?
    /// The identifier of the disk that shows through; nil for one that stands alone.
    var parent: String?
  }

  /// The most disks that an appliance has.
  static let mostDisks = 256

  /// In the order of the description.
  let disks: [Disk]

  /// Reads a description.
  ///
  /// - Throws: kind `corrupt` where it is none or contradicts itself, `refused` for files that are elsewhere.
  init(parsing text: Buffer) throws(BlockError) {
    let root = try XMLParser.parse(text.bytes, limits: .descriptor)
    guard root.name == "Envelope", root.namespace.contains("/ovf/") else {
      throw BlockError(.corrupt, "the description is not one of an appliance: its element is '\(root.name)'")
    }
    let scope: Set<String> = [root.namespace, ""]
    var files: [String: XMLElement] = [:]
    for file in root.all("References", "File") {
      let id = try file.required("id", of: scope)
      guard files.updateValue(file, forKey: id) == nil else {
        throw BlockError(.corrupt, "two files have the id '\(id)'")
      }
    }
    var disks: [Disk] = []
    var ids: Set<String> = []
    for element in root.all("DiskSection", "Disk") {
      guard disks.count < OvfEnvelope.mostDisks else {
        throw BlockError(.tooLarge, "the appliance has more than \(OvfEnvelope.mostDisks) disks")
      }
      var disk = Disk(id: try element.required("diskId", of: scope))
      guard ids.insert(disk.id).inserted else {
        throw BlockError(.corrupt, "two disks have the id '\(disk.id)'")
      }
      disk.format = element.attribute("format", of: scope)
      disk.parent = element.attribute("parentRef", of: scope)
      disk.capacity = OvfEnvelope.capacity(
        element.attribute("capacity", of: scope), element.attribute("capacityAllocationUnits", of: scope))
      if let reference = element.attribute("fileRef", of: scope) {
        guard let file = files[reference] else {
          throw BlockError(
            .corrupt, "the disk '\(disk.id)' is in the file '\(reference)', which is not listed")
        }
        let name = try file.required("href", of: scope)
        try OvfEnvelope.refuseElsewhere(name)
        disk.file = name
        disk.fileSize = try file.number("size", of: scope)
        disk.chunkSize = try file.number("chunkSize", of: scope)
        let compression = file.attribute("compression", of: scope) ?? ""
        disk.compression = ["", "identity"].contains(compression) ? nil : compression
      }
      disks.append(disk)
    }
    self.disks = disks
  }

  /// Bytes of a disk, where the numbers make sense: they are often wrong, and only shown.
  private static func capacity(_ number: String?, _ unit: String?) -> UInt64? {
    guard let number = number.flatMap({ UInt64($0) }) else { return nil }
    let words = (unit ?? "byte").split { $0 == " " || $0 == "*" }
    guard words.first == "byte" || words.isEmpty else { return nil }
    guard words.count > 1 else { return number }
    let power = words[1].split(separator: "^", omittingEmptySubsequences: false)
    guard words.count == 2, power.count <= 2, let base = power.first.flatMap({ UInt64($0) }),
      let exponent = power.count == 2 ? Int(power[1]) : 1, (0...63).contains(exponent)
    else { return nil }
    var result: UInt64? = number
    for _ in 0..<exponent { result = result?.times(base) }
    return result
  }

  /// A name leads to a file beside the description: nothing is fetched.
  private static func refuseElsewhere(_ name: String) throws(BlockError) {
    let first = name.split(separator: "/", omittingEmptySubsequences: false).first ?? ""
    let isElsewhere =
      name.isEmpty || name.hasPrefix("/") || first.contains(":") || name.split(separator: "/").contains("..")
    guard !isElsewhere else {
      throw BlockError(.refused, "the file '\(name)' is not beside the description: it is not followed")
    }
  }
}

extension OvfEnvelope.Disk {
  /// The names that the file may have: as it is written, and with the bytes that a URL spells in digits.
  var fileNames: [String] {
    guard let file else { return [] }
    var bytes: [UInt8] = []
    var rest = file.spelledBytes[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), value > 0x1F
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    let names = [TarIndex.plain(file.spelledBytes), TarIndex.plain(bytes)]
    let leadsElsewhere = names[1].hasPrefix("/") || names[1].split(separator: "/").contains("..")
    return names[0] == names[1] || leadsElsewhere ? [names[0]] : names
  }

  /// The format that the description states, where it is one that is known here.
  var knownFormat: String? {
    guard let format = format?.lowercased() else { return nil }
    for name in ["vmdk", "qcow2", "vhdx", "vdi"] where format.contains(name) { return name }
    return format.contains("vhd") ? "vpc" : nil
  }
}

extension XMLElement {
  /// The elements called `name` in those called `section`, of the element's own namespace.
  fileprivate func all(_ section: String, _ name: String) -> [XMLElement] {
    var found: [XMLElement] = []
    for part in children(section) where part.namespace == namespace {
      found += part.children(name).filter { $0.namespace == namespace }
    }
    return found
  }

  fileprivate func required(_ name: String, of namespaces: Set<String>) throws(BlockError) -> String {
    guard let value = attribute(name, of: namespaces) else {
      throw BlockError(.corrupt, "a \(self.name) of the description has no \(name)")
    }
    return value
  }

  fileprivate func number(_ name: String, of namespaces: Set<String>) throws(BlockError) -> UInt64? {
    guard let text = attribute(name, of: namespaces) else { return nil }
    guard let number = UInt64(text) else {
      throw BlockError(.corrupt, "the \(name) '\(text.prefix(40))' of a \(self.name) is no number")
    }
    return number
  }
}
