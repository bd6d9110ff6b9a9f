// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// A virtual appliance: its disks, where they stand, and the digests of its files.
struct Appliance {
  /// A file, or a part of one that is stored in several.
  struct Piece {
    /// The names that it may have; in an archive, the first one is the member's.
    let names: [String]
    /// Its bytes in the archive; empty for a file of its own.
    let range: Range<UInt64>

    /// The first of its names.
    var name: String { names.first ?? "" }
  }

  /// A disk.
  struct Disk {
    let description: OvfEnvelope.Disk
    /// The file that holds it, in pieces; none where it has no file or is not read.
    let pieces: [Piece]
    /// Why it is not read.
    let defect: BlockError?

    /// The name that users see.
    var name: String { description.fileNames.last ?? description.id }
    /// Whether its file is an image as it stands.
    var isOrdinary: Bool { description.chunkSize == nil && description.compression == nil }
  }

  /// The most files beside a description that a disk is stored in.
  private static let mostFiles = 1024

  /// In the order of the description.
  let disks: [Disk]
  /// The name of the description, and its bytes.
  let description: (name: String, text: [UInt8])
  /// The digests, where there are some, or why they cannot be read; of an archive they are known from the start.
  let manifest: Result<OvfManifest, BlockError>?
  /// How many files an archive has.
  let memberCount: Int
  /// The members of an archive, by all names that a manifest may have for them.
  private let members: [String: TarMember]
  /// The members that a manifest has to have digests of, in the order of the archive.
  let listed: [TarMember]
  /// What is worth knowing.
  private(set) var remarks: [String] = []

  // MARK: Archives

  /// Reads the headers, the description and the digests of an archive.
  ///
  /// - Throws: the first thing in it that makes no sense or is not followed.
  init(archiveOf fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer) throws(BlockError) {
    let index = try TarIndex(fileLength: fileLength, read)
    let descriptions = index.members.filter { $0.name.lowercased().hasSuffix(".ovf") }
    guard let member = descriptions.first else {
      throw BlockError(.corrupt, "the archive has no description (.ovf)")
    }
    guard descriptions.count == 1 else {
      throw BlockError(.corrupt, "the archive has \(descriptions.count) descriptions (.ovf)")
    }
    if index.members.first?.name != member.name {
      remarks.append(
        "'\(member.name)' is not the first member of the archive, which other programs insist on")
    }
    let text = try Appliance.text(member.range, "description", read)
    description = (member.name, text)
    let envelope = try inContext(member.name) { () throws(BlockError) in
      try OvfEnvelope(parsing: Buffer(text))
    }
    manifest = Appliance.readManifest(of: member, in: index, read)
    // A manifest has no digest of itself, nor of what signs it.
    let own = try? Appliance.manifest(of: member, in: index)?.name
    listed = index.members.filter { $0.name != own && !$0.name.lowercased().hasSuffix(".cert") }
    memberCount = index.members.count
    let folder = index.folder(of: member)
    disks = envelope.disks.map { Appliance.disk($0, in: folder) }
    // A manifest may name the files without the folder that they stand in, or from that of the description on.
    var members: [String: TarMember] = [:]
    for name in [{ $0.name }, { folder.name(of: $0) }, { FilePaths.name(of: $0.name) }]
      as [(TarMember) -> String]
    {
      for member in index.members where members[name(member)] == nil { members[name(member)] = member }
    }
    self.members = members
  }

  /// The digests of an archive; those that cannot be read keep nobody from its disks who does not ask for them.
  private static func readManifest(
    of description: TarMember, in index: TarIndex, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) -> Result<OvfManifest, BlockError>? {
    do throws(BlockError) {
      guard let member = try manifest(of: description, in: index) else { return nil }
      let text = try text(member.range, "manifest", read)
      return .success(
        try inContext(member.name) { () throws(BlockError) in try OvfManifest(parsing: text) })
    } catch {
      return .failure(error)
    }
  }

  /// Holds the files against `manifest` that the appliance consists of besides the disk at `index`; without one, besides its
  /// disks.
  ///
  /// - Throws: kind `corrupt` for a digest of a file that is not there, and for a description that is another one.
  func verify(
    _ manifest: OvfManifest, of fileName: String? = nil, but index: Int?, exists: (String) -> Bool
  ) throws(BlockError) {
    if let absent = absentFile(in: manifest, but: index, exists: exists) {
      throw BlockError(
        .corrupt, "the manifest has a digest of '\(absent)', which is no file of the appliance",
        naming: fileName,
        advice:
          "A file is missing, or the manifest is another one's. --no-verify reads the disk all the same.")
    }
    let (name, text) = description
    guard let entry = manifest.entries[FilePaths.name(of: name)] ?? manifest.entries[name] else { return }
    let hash = try ContentHash(entry.algorithm).begin()
    try hash.update(text)
    try entry.require(try hash.finish(), of: name)
  }

  /// The first file that `manifest` has a digest of and that neither `exists` nor belongs to another disk than the one at
  /// `index`, which is not read.
  func absentFile(in manifest: OvfManifest, but index: Int?, exists: (String) -> Bool) -> String? {
    var others: Set<String> = [description.name, FilePaths.name(of: description.name)]
    for (other, disk) in disks.enumerated() where other != index {
      others.formUnion(disk.description.fileNames + disk.pieces.flatMap(\.names))
    }
    return manifest.entries.keys.sorted().first {
      members[$0] == nil && !others.contains($0) && !exists($0)
    }
  }

  /// The member of an archive that a manifest has a name for.
  func member(_ name: String) -> TarMember? { members[name] }

  /// The digests: the member that is called as the description is, or the only one that has some under another name.
  private static func manifest(of description: TarMember, in index: TarIndex) throws(BlockError) -> TarMember?
  {
    let manifests = index.members.filter { $0.name.lowercased().hasSuffix(".mf") }
    if let own = index.member(String(description.name.dropLast(4)) + ".mf") { return own }
    guard manifests.count <= 1 else {
      throw BlockError(.corrupt, "the archive has \(manifests.count) manifests (.mf)")
    }
    return manifests.first
  }

  private static func text(
    _ range: Range<UInt64>, _ what: String, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> [UInt8] {
    guard range.count <= OvfManifest.longest else {
      throw BlockError(
        .tooLarge, "the \(what) has \(range.count) bytes; no more than \(OvfManifest.longest) are read")
    }
    return try read(range.lowerBound, range.count).array
  }

  private static func disk(_ description: OvfEnvelope.Disk, in folder: TarIndex.Folder) -> Disk {
    do throws(BlockError) {
      let pieces = try pieces(of: description, in: folder)
      return Disk(description: description, pieces: pieces, defect: nil)
    } catch {
      return Disk(description: description, pieces: [], defect: error)
    }
  }

  private static func pieces(of disk: OvfEnvelope.Disk, in folder: TarIndex.Folder) throws(BlockError)
    -> [Piece]
  {
    try refuseUnread(disk)
    let name = disk.file ?? disk.id
    var pieces: [Piece] = []
    if let chunk = disk.chunkSize {
      pieces = try chunks(of: disk, chunk, in: folder)
    } else {
      let member = disk.fileNames.lazy.compactMap { folder.member($0) }.first
      guard let member else { throw BlockError(.corrupt, "the archive has no member '\(name)'") }
      pieces = [Piece(names: [member.name] + disk.fileNames, range: member.range)]
    }
    let length = pieces.reduce(0) { $0 + UInt64($1.range.count) }
    if let stated = disk.fileSize, stated != length {
      throw BlockError(
        .corrupt, "the file '\(name)' has \(length) bytes where the description says \(stated)")
    }
    return pieces
  }

  /// The endings of the files that a file of a disk is stored in: `.000000000`, `.000000001` and so on.
  private static func chunkEndings(of disk: OvfEnvelope.Disk, _ chunk: UInt64, most: Int) throws(BlockError)
    -> [String]
  {
    guard chunk > 0, let size = disk.fileSize, size.dividedUp(by: chunk) <= UInt64(most) else {
      throw BlockError(
        .corrupt, "the file '\(disk.file ?? disk.id)' is in parts, whose number makes no sense")
    }
    return (0..<size.dividedUp(by: chunk)).map { number in
      let digits = String(number)
      return "." + String(repeating: "0", count: max(0, 9 - digits.utf8.count)) + digits
    }
  }

  /// The members that a file of a disk is stored in.
  private static func chunks(of disk: OvfEnvelope.Disk, _ chunk: UInt64, in folder: TarIndex.Folder)
    throws(BlockError) -> [Piece]
  {
    let (name, size) = (disk.file ?? disk.id, disk.fileSize ?? 0)
    var pieces: [Piece] = []
    let endings = try chunkEndings(of: disk, chunk, most: folder.index.members.count)
    for (number, suffix) in endings.enumerated() {
      let names = disk.fileNames.map { $0 + suffix }
      let member = names.lazy.compactMap { folder.member($0) }.first
      guard let member else { throw BlockError(.corrupt, "the archive has no member '\(name)\(suffix)'") }
      guard UInt64(member.range.count) == min(chunk, size - UInt64(number) * chunk) else {
        throw BlockError(
          .corrupt, "the member '\(member.name)' has \(member.range.count) bytes, not \(chunk)")
      }
      pieces.append(Piece(names: [member.name] + names, range: member.range))
    }
    return pieces
  }

  private static func refuseUnread(_ disk: OvfEnvelope.Disk) throws(BlockError) {
    guard let name = disk.file else {
      throw BlockError(.unsupported, "the disk '\(disk.id)' is empty: it has no file")
    }
    if let compression = disk.compression, compression.lowercased() != "gzip" {
      throw BlockError(.unsupported, "the file '\(name)' is compressed (\(compression)), which is not read")
    }
    if let parent = disk.parent {
      throw BlockError(
        .unsupported, "the disk '\(disk.id)' stands on another one ('\(parent)'), which is not read")
    }
  }

  // MARK: Files

  /// Reads the description that stands in a file of its own, called `name`; the other files stand beside it.
  init(description text: Buffer, name: String) throws(BlockError) {
    description = (name, text.array)
    manifest = nil
    members = [:]
    listed = []
    memberCount = 0
    disks = try OvfEnvelope(parsing: text).disks.map { (disk) throws(BlockError) in
      do throws(BlockError) {
        try Appliance.refuseUnread(disk)
        let endings =
          try disk.chunkSize.map { (chunk) throws(BlockError) in
            try Appliance.chunkEndings(of: disk, chunk, most: Appliance.mostFiles)
          } ?? [""]
        let pieces = endings.map { ending in Piece(names: disk.fileNames.map { $0 + ending }, range: 0..<0) }
        return Disk(description: disk, pieces: pieces, defect: nil)
      } catch {
        return Disk(description: disk, pieces: [], defect: error)
      }
    }
  }

  // MARK: Choice

  /// The index of the disk that is meant by a number from 1 on, or by a disk's identifier or file; of the only one without
  /// a choice. Nil where nobody chose among several.
  ///
  /// - Throws: kind `notFound` where there is none, the reason where it is not read.
  func index(of choice: String?) throws(BlockError) -> Int? {
    var index: Int?
    if let choice {
      if let number = Int(choice), (1...max(disks.count, 1)).contains(number) { index = number - 1 }
      index =
        index
        ?? disks.firstIndex { $0.description.id == choice || $0.description.fileNames.contains(choice) }
      guard let index, disks.indices.contains(index) else {
        throw BlockError(.notFound, "there is no disk '\(choice)'", advice: "There is: \(list).")
      }
    } else {
      let stored = disks.indices.filter { disks[$0].description.file != nil }
      guard let first = stored.first else { throw Appliance.noDisk }
      guard stored.count == 1 else { return nil }
      index = first
    }
    if let index, let defect = disks[index].defect { throw defect }
    return index
  }

  /// The disks in words: `1 'system.vmdk' (10 GiB), 2 'data.vmdk'`.
  var list: String {
    var words: [String] = []
    for (index, disk) in disks.enumerated() {
      let size = disk.description.capacity.map { " (\(SizeText.human($0)))" } ?? ""
      words.append("\(index + 1) '\(disk.name)'\(size)")
    }
    return words.joined(separator: ", ")
  }

  /// The error where another appliance has it for a disk.
  static let nested = BlockError(
    .refused, "a disk in it is an appliance itself",
    advice: "'tar -x' takes that out of the archive, to be read for itself.")

  /// The error where no disk is stored.
  static let noDisk = BlockError(.notFound, "there is no disk in it")

  /// The error where nobody chose a disk.
  var ambiguity: BlockError {
    BlockError(
      .invalidArgument, "there are \(disks.count) disks in it: \(list)",
      advice: """
        Choose one by its number or name: \(ifOption: "disk", "with --disk, or ")as \
        'json:{"disk": "1", "file.filename": "\(.file)"}' in place of the file's name.
        """)
  }
}
