// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// What children know the image by.
extension VhdxDriver: IdentifiedDriver {
  var identity: ImageIdentity { identity(headers.present.dataWriteID) }
  var nextIdentity: ImageIdentity { identity(headers.nextDataWriteID) }

  private func identity(_ dataWriteID: GUID) -> ImageIdentity {
    let metadata = metadata.current
    return VhdxParent(dataWriteID: dataWriteID, diskID: metadata.diskID, sectorSize: metadata.sectorSize)
      .identity
  }

  func renewIdentity(of node: Node) throws(BlockError) { try beginChanges(node) }

  /// Where no user may change the content, its id stays whatever is written.
  func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    headers.keepContent(!request.held.contains(.write) && request.held.contains(.writeUnchanged))
  }

  /// The format has a second id for that.
  func announceBacking(_ identity: ImageIdentity, of node: Node) throws(BlockError) {
    guard let present = metadata.current.parent, !present.linkages.isEmpty,
      let coming = try? VhdxParent(identity)
    else { return }
    let next = present.announcing(coming)
    guard next != present, try hasRoom(for: next) else { return }
    try announce(content: false, node)
    try flush(node)
    try setParent(next, node)
  }

  private func hasRoom(for locator: VhdxParentLocator) throws(BlockError) -> Bool {
    let region = try metadataRegion()
    let count = UInt64(try locator.bytes().count)
    return locator.entries.count <= VhdxParentLocator.mostKeys
      && (try? metadata.current.locatorPlace(count, in: region)) != nil
  }

  /// The image is its parent's child as that is now.
  func adoptBacking(of node: Node) throws(BlockError) {
    guard let present = metadata.current.parent,
      let below = try? VhdxParent(node.backing?.child.visible.identity)
    else { return }
    let next = present.naming(below)
    guard next != present else { return }
    try announce(content: false, node)
    try flush(node)
    try setParent(next, node)
  }
}

/// Naming another parent, or none, and giving all to it.
extension VhdxDriver {
  /// The parent's content has become that of the image, which is the parent's child of then on. What the disk reads as stays.
  func makeEmpty(_ node: Node) throws(BlockError) {
    try announce(content: false, node)
    try table.makeEmpty(node)
    try adoptBacking(of: node)
  }

  /// With one entry of the log the image has another parent. Its content is another one where the parent is not the same under
  /// another name.
  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    guard name == nil || format == nil || format == self.name else { throw VhdxParent.foreign }
    guard let name, !name.isEmpty else {
      guard hasParent else { return }
      try beginChanges(node)
      try flush(node)
      // Without a parent, nothing is stored in part.
      try table.storeWhole(node)
      return try setParent(nil, node)
    }
    let parent = try parent(called: name, of: node)
    try parent.requireSectors(of: metadata.current.sectorSize, name)
    let present = metadata.current.parent?.linkages.first ?? .none
    try announce(content: present != parent.dataWriteID, node)
    try flush(node)
    let length = table.length
    if metadata.current.roomyEntries(for: length) > table.currentLayout.capacity {
      try moveMap(for: length, node)
    }
    let locator = try VhdxParentLocator(of: name, parent, in: node.fileName)
    try setParent(locator, node)
    metadata.noteParent(parent.dataWriteID, called: locator.names.prefix(1) + [name])
  }

  private func setParent(_ locator: VhdxParentLocator?, _ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    var next = metadata.current
    let region = try metadataRegion()
    let parts = try next.setParent(locator, in: region) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    try file.flush()
    try journal.write(parts, of: node)
    try file.flush()
    metadata.use(next)
    var layout = table.currentLayout
    layout.bitmap = next.bitmap
    try table.adopt(layout, VhdxCoding(hasParent: next.hasParent), of: node)
  }

  /// What a parent is known by: the one that stands below where that has the name, or one that had it before. Of a name that
  /// is merely put in the place of another, the parent stays the same.
  private func parent(called name: String, of node: Node) throws(BlockError) -> VhdxParent {
    if let below = node.backing?.child.visible,
      below.fileName == ImageName.resolve(name, relativeTo: node.fileName)
    {
      return try VhdxParent(below.identity)
    }
    return metadata.parent(called: name)
  }
}

extension VhdxMetadata {
  /// How sectors are told apart that are stored, and that show the parent.
  var bitmap: SectorBitmap? {
    hasParent
      ? SectorBitmap(
        .apart(bytes: VhdxHeader.section), sectorSize: sectorSize, isMostSignificantFirst: false) : nil
  }

  /// Lets the image have another parent, or none: the sectors of the region that change.
  ///
  /// - Throws: kind `tooLarge` where the locator finds no room in the region.
  mutating func setParent(
    _ locator: VhdxParentLocator?, in region: VhdxRegions.Region, _ read: VhdxReader
  ) throws(BlockError) -> [TablePart] {
    let item = Item.parentLocator
    let content = try locator?.bytes()
    var place: Range<UInt64>?
    if let content { place = try locatorPlace(UInt64(content.count), in: region) }
    // Everything that changes stands before the end of the last item.
    let end = max(places.values.map(\.upperBound).max() ?? 0, place?.upperBound ?? 0) - region.offset
    let count = Int((end.roundedUp(to: 4096) ?? end))
    let before = try read(region.offset, count)
    let after = Buffer(copying: before.bytes)
    var bytes = after.mutableBytes
    var items = Int(bytes.bytes.little16(at: 10))
    func entry(_ index: Int) -> Int { 32 + index * 32 }
    let known = (0..<items).first { GUID(parsing: before.bytes, at: entry($0)) == item.id }
    if let content, let place {
      let index = known ?? items
      guard index < VhdxMetadata.mostItems else { throw BlockError(.tooLarge, "the VHDX metadata is full") }
      items = max(items, index + 1)
      item.id.write(to: &bytes, at: entry(index))
      bytes.storeLittle(UInt32(place.lowerBound - region.offset), at: entry(index) + 16)
      bytes.storeLittle(UInt32(content.count), at: entry(index) + 20)
      bytes.storeLittle(item.flags, at: entry(index) + 24)
      bytes.copy(content.bytes, at: Int(place.lowerBound - region.offset))
    } else if let known {
      // The last item's entry takes the place of the one that goes.
      bytes.copy(before.bytes.slice(entry(items - 1)..<entry(items)), at: entry(known))
      var last = bytes.slice(entry(items - 1)..<entry(items))
      last.fill()
      items -= 1
    }
    bytes.store(UInt8(truncatingIfNeeded: items), at: 10)
    bytes.store(UInt8(truncatingIfNeeded: items >> 8), at: 11)
    if let parameters = places[.fileParameters] {
      bytes.storeLittle(
        (isFixed ? 1 : 0) | (locator != nil ? 2 : 0) as UInt32,
        at: Int(parameters.lowerBound - region.offset) + 4)
    }
    (parent, hasParent) = (locator, locator != nil)
    places[item] = place
    return stride(from: 0, to: count, by: 4096).compactMap { start in
      before.bytes.bytes(start..<start + 4096) == after.bytes.bytes(start..<start + 4096)
        ? nil : TablePart(at: region.offset + UInt64(start), after, start..<start + 4096)
    }
  }

  /// The place of a locator of so many bytes: where the one before is, if it has room there, or behind all other items.
  fileprivate func locatorPlace(_ count: UInt64, in region: VhdxRegions.Region) throws(BlockError)
    -> Range<UInt64>
  {
    let others = places.filter { $0.key != .parentLocator }.values + otherPlaces
    func isFree(_ place: Range<UInt64>) -> Bool {
      place.upperBound <= region.range.upperBound && !others.contains { $0.overlaps(place) }
    }
    if let start = places[.parentLocator]?.lowerBound, isFree(start..<start + count) {
      return start..<start + count
    }
    let end = others.map(\.upperBound).reduce(region.offset + UInt64(VhdxMetadata.tableLength), max)
    let start = end.roundedUp(to: 4096) ?? end
    guard isFree(start..<start + count) else { throw BlockError(.tooLarge, "Backing file name too long") }
    return start..<start + count
  }
}
