// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The text that describes a disk: its parent, the files that it consists of, and a data base of geometry and adapter
/// (Virtual Disk Format 5.0, "The Descriptor").
///
/// Read laxly: keys in any letters, values with or without quotes, lines that end in any way, and zero bytes for blanks.
struct VmdkDescriptor {
  /// Bytes of a text that are read.
  static let longest: UInt64 = 1 << 20
  /// Files that a disk may consist of.
  static let mostExtents = 4096
  /// The content identifier of a parent that is not there.
  static let noParent: UInt32 = .max

  /// Identifies the content: 0 where the text does not say.
  var contentID: UInt32 = 0
  /// The place of its digits in the text.
  var contentIDPlace: Range<Int>?
  /// The identifier of the content that the parent had.
  var parentContentID = VmdkDescriptor.noParent
  /// The place of its digits in the text.
  var parentContentIDPlace: Range<Int>?
  /// The identifier that the parent's content may have as well, while that changes on purpose.
  var announcedParentID: UInt32?
  /// The name of the parent.
  var parentName: String?
  /// The kind of the disk, as the text has it.
  var createType = ""
  /// The parts of the disk, in order.
  var extents: [VmdkExtentLine] = []

  /// Makes an empty description.
  init() {}

  /// Reads a text.
  ///
  /// - Throws: kind `corrupt` or `unsupported` for a line that makes no sense; kind `tooLarge` for too many extents.
  init(parsing text: [UInt8]) throws(BlockError) {
    var isTyped = false
    var start = 0
    for end in text.indices where text[end] == Ascii.lineFeed || text[end] == Ascii.carriageReturn {
      try take(text, start..<end, &isTyped)
      start = end + 1
    }
    try take(text, start..<text.count, &isTyped)
    guard isTyped else { throw BlockError(.corrupt, "invalid VMDK image descriptor") }
  }

  private mutating func take(_ text: [UInt8], _ range: Range<Int>, _ isTyped: inout Bool) throws(BlockError) {
    let line = Ascii.trimmed(text[range])
    guard let first = line.first else { return }
    guard first != Ascii.hash else {
      if let announced = DescriptorText.announcement(line) { announcedParentID = announced }
      return
    }
    if let extent = try VmdkExtentLine(line) {
      guard extents.count < VmdkDescriptor.mostExtents else {
        throw BlockError(
          .tooLarge, "the image consists of more than \(VmdkDescriptor.mostExtents) extents")
      }
      extents.append(extent)
      return
    }
    guard let equal = line.firstIndex(of: Ascii.equal) else { return }
    let key = Ascii.lowercase(Ascii.trimmed(line[..<equal]))
    let value = Ascii.unquoted(Ascii.trimmed(line[(equal + 1)...]))
    switch key {
    case "cid":
      contentID = Ascii.hexadecimal(value) ?? 0
      contentIDPlace = Ascii.place(ofIdentifier: value)
    case "parentcid":
      parentContentID = Ascii.hexadecimal(value) ?? VmdkDescriptor.noParent
      parentContentIDPlace = Ascii.place(ofIdentifier: value)
    case "parentfilenamehint": parentName = String(spelling: value)
    case "createtype":
      createType = String(spelling: value)
      isTyped = true
    default: break
    }
  }

  /// Whether there is a parent, which shows through where the disk has nothing.
  var hasParent: Bool { parentContentID != VmdkDescriptor.noParent && parentName?.isEmpty == false }
}

/// One part of a disk: `RW 4096 SPARSE "disk-s001.vmdk"`.
struct VmdkExtentLine: Equatable {
  /// What may be done with the part.
  enum Access: String {
    case readWrite = "RW"
    case readOnly = "RDONLY"
    case none = "NOACCESS"
  }

  /// How the part is stored.
  enum Kind: String {
    /// Bytes in a file, as they are.
    case flat = "FLAT"
    /// The same, on VMware's file system.
    case fileSystem = "VMFS"
    /// A file with tables.
    case sparse = "SPARSE"
    /// A file with other tables, on VMware's file system.
    case fileSystemSparse = "VMFSSPARSE"
    /// Nothing: zeros.
    case zero = "ZERO"

    /// Whether the part is stored as it is.
    var isFlat: Bool { self == .flat || self == .fileSystem }
  }

  var access: Access
  /// Sectors of the disk.
  var sectors: UInt64
  var kind: Kind
  /// The file; empty where there is none.
  var name = ""
  /// The first sector in the file, of a flat part.
  var firstSector: UInt64 = 0

  /// The file as a path: what looks like a protocol in front is the name's own.
  var path: String { name.contains(":") && !name.hasPrefix("/") ? "./" + name : name }

  /// A part of a new disk.
  init(sectors: UInt64, _ kind: Kind, name: String) {
    access = .readWrite
    self.sectors = sectors
    self.kind = kind
    self.name = name
  }

  /// Reads a line without blanks around it; nil where it describes no part.
  ///
  /// - Throws: kind `corrupt` for one that does, but makes no sense; kind `unsupported` for a way of storing that is not
  ///   known.
  init?(_ line: ArraySlice<UInt8>) throws(BlockError) {
    var rest = line
    guard let access = Access(rawValue: Ascii.uppercase(Ascii.takeWord(&rest))) else { return nil }
    let invalid = BlockError(.corrupt, "Invalid extent line: \(String(spelling: line))")
    guard let sectors = Ascii.number(Ascii.takeWord(&rest)), sectors <= UInt64(Int64.max) / 512 else {
      throw invalid
    }
    let word = Ascii.uppercase(Ascii.takeWord(&rest))
    guard let kind = Kind(rawValue: word) else {
      throw BlockError(.unsupported, "Unsupported extent type '\(word)'")
    }
    self.access = access
    self.sectors = sectors
    self.kind = kind
    guard kind != .zero else { return }
    guard let name = Ascii.takeName(&rest), !name.isEmpty else { throw invalid }
    self.name = String(spelling: name)
    guard kind.isFlat, !rest.isEmpty else { return }
    guard let first = Ascii.number(Ascii.takeWord(&rest)), first <= UInt64(Int64.max) / 512 - sectors else {
      throw invalid
    }
    firstSector = first
  }

  /// The line.
  var text: String {
    let start = "\(access.rawValue) \(sectors) \(kind.rawValue)"
    return switch kind {
    case .zero: start
    case .flat: "\(start) \"\(name)\" \(firstSector)"
    case .fileSystem, .sparse, .fileSystemSparse: "\(start) \"\(name)\""
    }
  }
}
