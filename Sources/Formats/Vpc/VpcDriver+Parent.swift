// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// What an image knows its parent by.
struct VpcParent: Equatable {
  var id: VpcID
  /// Seconds since 2000; 0 where nobody knew them.
  var time: UInt32

  /// Whether the time stamp is an image's: some programs note that of the footer, and others when the file was last written
  /// to, which file systems keep in steps of up to two seconds.
  func hasTime(of node: Node, _ identity: ImageIdentity) -> Bool {
    guard time != 0, time != identity.time else { return true }
    guard let written = FilePaths.modificationTime(of: node.fileName) else { return true }
    return abs(written - Int64(VpcFooter.epoch) - Int64(time)) <= 2
  }
}

/// Naming another parent, or none, and giving all to it.
extension VpcDriver {
  /// The file becomes as short as a new one: a header that stands at its end comes to the start, where there is room now.
  func makeEmpty(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
    guard let file = node.file, try moveHeaderToStart(node, file) else { return }
    try table.makeEmpty(node)
  }

  /// Moves the header and the names of the parent of an image without blocks to where a new image has them; false where they
  /// are there, or find no room.
  private func moveHeaderToStart(_ node: Node, _ file: Edge) throws(BlockError) -> Bool {
    let old = footers.current.dataOffset
    let (present, start) = (headers.current, UInt64(VpcFooter.length))
    var (locators, names) = (present.locators, [] as [(offset: UInt64, bytes: Buffer)])
    var position = max(present.tableEnd, start + UInt64(VpcHeader.length))
    for index in locators.indices {
      guard let place = locators[index].place(inFileOf: file.length) else { continue }
      names.append((position, try file.read(at: place.lowerBound, count: place.count)))
      locators[index].offset = position
      position += UInt64(place.count).dividedUp(by: 512) * 512
    }
    let table = present.tableOffset..<present.tableEnd
    guard old >= position, !table.overlaps(start..<start + UInt64(VpcHeader.length)) else { return false }
    for (offset, bytes) in names { try file.write(at: offset, from: bytes.bytes) }
    var next = present
    next.setLocators(locators)
    let written = next.bytes
    try file.write(at: start, from: written.bytes)
    try file.flush()
    try footers.change(in: file) { $0.dataOffset = start }
    headers.use(next)
    try adoptLayout(node, file)
    return true
  }

  /// A new header with the names behind it comes to stand at the end of the file, and the footers switch to it: with the one
  /// write of the copy at the start the image has another parent.
  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    guard name == nil || format == nil || format == self.name else { throw VpcChoice.foreignParent }
    try beginChanges(node)
    try flush(node)
    guard let name, !name.isEmpty else { return try dropParent(node, file) }
    let parent = try parent(called: name, of: node)
    let locators = try VpcParentName.locators(of: name, in: node.fileName)
    // Blocks that are stored go on showing what they have.
    if !isDifferencing { try table.nameAllSectors(of: node) }
    let length = locators.reduce(UInt64(VpcHeader.length)) {
      $0 + UInt64($1.name.count).dividedUp(by: 512) * 512
    }
    let offset = try table.takeSpace(length, of: node)
    var next = headers.current
    var entries: [VpcLocator] = []
    var position = offset + UInt64(VpcHeader.length)
    for (code, bytes) in locators {
      entries.append(VpcLocator(code: code, length: UInt32(clamping: bytes.count), offset: position))
      try file.write(at: position, from: Buffer(bytes).bytes)
      position += UInt64(bytes.count).dividedUp(by: 512) * 512
    }
    next.setParent(name, entries, id: parent.id, time: parent.time)
    let written = next.bytes
    try file.write(at: offset, from: written.bytes)
    try file.flush()
    try footers.change(in: file) {
      $0.kindNumber = VpcFooter.Kind.differencing.rawValue
      $0.dataOffset = offset
    }
    let reference = try next.reference(headerOffset: offset, inFileOf: file.length) {
      (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }.backing
    headers.use(next, backing: reference, parent, called: name)
    try adoptLayout(node, file)
  }

  /// Lets the image stand on nothing: what is not stored reads as zero.
  private func dropParent(_ node: Node, _ file: Edge) throws(BlockError) {
    guard isDifferencing else { return }
    try table.nameAllSectors(of: node)
    try file.flush()
    try footers.change(in: file) { $0.kindNumber = VpcFooter.Kind.dynamic.rawValue }
    try changeHeader(node) { $0.setParent("", [], id: .none, time: 0) }
    headers.dropParent()
    try adoptLayout(node, file)
  }

  /// Lets the table go by the header and the footers as they are now.
  func adoptLayout(_ node: Node, _ file: Edge) throws(BlockError) {
    let footer = footers.current
    let kind = footer.kind ?? .dynamic
    var layout = try headers.current.layout(
      diskLength: table.length, kind: kind, headerOffset: footer.dataOffset, fileLength: file.length)
    layout.unitLimit = max(layout.unitLimit, table.currentLayout.unitLimit)
    try table.adopt(
      layout, VpcCoding(lead: layout.lead, isDifferencing: kind == .differencing), of: node)
  }

  /// What a parent is known by: the one that stands below where that has the name, or one that had it before. Of a name that
  /// is merely put in the place of another, the parent stays the same.
  private func parent(called name: String, of node: Node) throws(BlockError) -> VpcParent {
    if let below = node.backing?.child,
      below.fileName == ImageName.resolve(name, relativeTo: node.fileName)
    {
      guard let identity = below.identity, identity.format == self.name else {
        throw VpcChoice.foreignParent
      }
      return VpcParent(id: VpcID(identity.id), time: identity.time)
    }
    return headers.parent(called: name)
  }
}
