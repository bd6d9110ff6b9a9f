// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A file in an archive, by its place: nothing is unpacked.
struct TarMember {
  /// Its name, without `./` in front.
  let name: String
  /// Its bytes in the archive.
  let range: Range<UInt64>
}

/// The files of an archive.
struct TarIndex {
  /// The most members that an appliance has.
  static let mostMembers = 4096
  /// The most bytes that records about a member have.
  static let longestRecords: UInt64 = 64 << 10

  /// In the order of the archive.
  let members: [TarMember]

  private let numbers: [String: Int]

  /// The file called `name`.
  func member(_ name: String) -> TarMember? { numbers[name].map { members[$0] } }

  /// A folder of the archive, in which files are called by names relative to it.
  struct Folder {
    let index: TarIndex
    /// Its name with a slash at the end; empty for the archive's own.
    fileprivate let path: String

    /// The file called `name`, in the folder or, as some descriptions have it, in the archive.
    func member(_ name: String) -> TarMember? { index.member(path + name) ?? index.member(name) }

    /// The name of a file relative to the folder; its whole name where it stands elsewhere.
    func name(of member: TarMember) -> String {
      member.name.hasPrefix(path) ? String(member.name.dropFirst(path.count)) : member.name
    }
  }

  /// The folder that a file stands in.
  func folder(of member: TarMember) -> Folder {
    let end = member.name.lastIndex(of: "/").map { member.name.index(after: $0) } ?? member.name.startIndex
    return Folder(index: self, path: String(member.name[..<end]))
  }

  /// Reads the headers of an archive of so many bytes.
  ///
  /// - Throws: kind `corrupt` for what is no archive or contradicts itself, `refused` for members that are no files, or whose
  ///   names lead elsewhere or stand there twice; `tooLarge` past a limit.
  init(fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer) throws(BlockError) {
    var members: [TarMember] = []
    var numbers: [String: Int] = [:]
    var records = TarRecords()
    var offset: UInt64 = 0
    var count = 0
    // What ends without the two blocks of zeros was written by a program that leaves them out.
    while fileLength - offset >= UInt64(TarHeader.length) {
      let block = try read(offset, TarHeader.length)
      if block.bytes.isZero { break }
      let header = try inContext("the archive at byte \(offset)") { () throws(BlockError) in
        let header = try TarHeader(parsing: block.array)
        _ = try header.size
        return header
      }
      count += 1
      guard count <= TarIndex.mostMembers else {
        throw BlockError(.tooLarge, "the archive has more than \(TarIndex.mostMembers) members")
      }
      let start = offset + UInt64(TarHeader.length)
      let name = TarIndex.plain(records.name ?? header.name)
      let size = try records.size(of: header, name)
      guard size <= fileLength - start else {
        throw BlockError(.corrupt, "the member '\(name)' ends behind the end of the archive")
      }
      switch header.kind {
      case .extended, .longName:
        guard size <= TarIndex.longestRecords else {
          throw BlockError(.tooLarge, "the archive has records of \(size) bytes about a member")
        }
        let bytes = try read(start, Int(size)).array
        try records.add(bytes, header.kind)
      case .refused(let what):
        throw BlockError(.refused, "the member '\(name)' is \(what)")
      case .folder: records = TarRecords()
      case .file:
        try TarIndex.refuseName(name)
        guard numbers.updateValue(members.count, forKey: name) == nil else {
          throw BlockError(.refused, "the archive has two members '\(name)'")
        }
        members.append(TarMember(name: name, range: start..<start + size))
        records = TarRecords()
      }
      // A last member may end with the file, without having been filled up.
      offset = min(fileLength, (start + size).roundedUp(to: UInt64(TarHeader.length)) ?? fileLength)
    }
    guard count > 0 else { throw BlockError(.corrupt, "the archive has no members") }
    self.members = members
    self.numbers = numbers
  }

  /// The name without steps that lead nowhere.
  static func plain(_ bytes: [UInt8]) -> String {
    var rest = bytes[...]
    while rest.starts(with: "./".utf8) { rest = rest.dropFirst(2) }
    return String(spelling: rest)
  }

  private static func refuseName(_ name: String) throws(BlockError) {
    let isControl = name.spelledBytes.contains { $0 < 0x20 || $0 == 0x7F }
    guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains(".."), !isControl else {
      throw BlockError(.refused, "the member '\(name)' has a name that leads out of the archive, or none")
    }
  }
}

/// The records in front of a member, which say more of it than its header.
private struct TarRecords {
  /// Its name.
  var name: [UInt8]?
  /// Bytes that it has.
  private var size: UInt64?

  /// Bytes of the member.
  ///
  /// - Throws: kind `refused` where the records contradict a header that can state the size: programs that know only one of
  ///   the two would read another archive.
  func size(of header: TarHeader, _ name: String) throws(BlockError) -> UInt64 {
    let stated = try header.size
    guard let size, header.kind == .file else { return stated }
    guard size == stated || size >= TarHeader.firstLargeSize else {
      throw BlockError(.refused, "the member '\(name)' has two sizes: \(stated) and \(size)")
    }
    return size
  }

  /// Adds what a member says of the next one.
  mutating func add(_ bytes: [UInt8], _ kind: TarHeader.Kind) throws(BlockError) {
    guard case .extended(let isGlobal) = kind else {
      name = Array(bytes.prefix { $0 != 0 })
      return
    }
    var rest = bytes[...]
    while !rest.isEmpty {
      // LENGTH KEY=VALUE and a line feed; the length counts all of it.
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard digits.count <= 6, let length = Int(String(decoding: digits, as: UTF8.self)),
        length <= rest.count,
        length > digits.count + 2, let blank = rest.dropFirst(digits.count).first, blank == 0x20,
        rest[rest.startIndex + length - 1] == 0x0A
      else { throw BlockError(.corrupt, "the archive has a record about a member that cannot be read") }
      let record = rest[(rest.startIndex + digits.count + 1)..<(rest.startIndex + length - 1)]
      rest = rest.dropFirst(length)
      guard let equal = record.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let key = String(decoding: record[..<equal], as: UTF8.self)
      try set(key, Array(record[(equal + 1)...]), isGlobal)
    }
  }

  private mutating func set(_ key: String, _ value: [UInt8], _ isGlobal: Bool) throws(BlockError) {
    guard ["path", "size"].contains(key) else {
      if key.hasPrefix("GNU.sparse") { throw BlockError(.refused, "the archive has a sparse member") }
      return
    }
    guard !isGlobal, key == "path" ? name == nil : size == nil else {
      throw BlockError(
        .refused, "the archive has a record that gives several members one \(key), or one several")
    }
    if key == "path" {
      name = value
      return
    }
    guard let number = UInt64(String(decoding: value, as: UTF8.self)), Int64(exactly: number) != nil else {
      throw BlockError(.corrupt, "a member's size is no number")
    }
    size = number
  }
}
