// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Writing a header that differs in what stands behind its fields.
extension HeaderStore {
  func header(naming name: String?, _ format: String?, isDataRaw: Bool) throws(BlockError)
    -> Header
  {
    var changed = current
    let name = name.flatMap { $0.isEmpty ? nil : $0 }
    if let name {
      guard !isDataRaw else {
        throw BlockError(.invalidArgument, "an image with a raw data file cannot have a backing file")
      }
      guard name.spelledCount <= Int(Qcow2Limits.backingNameBytes) else {
        throw BlockError(.tooLarge, "Backing file name too long")
      }
    }
    changed.backingName = name
    changed.set(.backingFormat, name == nil ? nil : format?.spelledBytes)
    // Names of features are for people: where room is short, they go first.
    if changed.writtenSize > Int(geometry.clusterSize) { changed.set(.featureNames, nil) }
    guard changed.writtenSize <= Int(geometry.clusterSize) else {
      throw BlockError(.tooLarge, "No space left in the file header")
    }
    return changed
  }

  /// Writes a header that differs in the backing file's name, in features and in extensions.
  ///
  /// The new name goes where neither the old one nor the extensions stand, where there is such a place. Then the
  /// write of the fields lets it count, and only then the place of the old name is cleared: whichever of these
  /// reach the disk before a crash, the header names one of the two files.
  func replace(by new: Header, _ held: borrowing Held) throws(BlockError) {
    var new = new
    let file = try files.file(held)
    let oldEnd = headerEnd
    let place = placeOfName(new, oldEnd)
    let area = Buffer(count: Int(geometry.clusterSize))
    var bytes = area.mutableBytes
    try new.write(to: &bytes, backingNameAt: place)
    let fieldsEnd = new.extensionsEnd
    let end = max(oldEnd, fieldsEnd, Int(new.backingNameOffset) + new.backingNameBytes)
    let nameStart = Int(new.backingNameOffset)
    if place != nil {
      try file.write(
        at: UInt64(nameStart), from: area.bytes.slice(nameStart..<nameStart + new.backingNameBytes))
      try files.barrier(held)
    }
    let isSplit = place != nil || new.backingName == nil
    if isSplit, fieldsEnd > 512, oldEnd <= 512 {
      // Fields past the first sector go where the old header has nothing, so that only that sector decides.
      try file.write(at: 512, from: area.bytes.slice(512..<fieldsEnd))
      try files.barrier(held)
    }
    try file.write(at: 0, from: area.bytes.slice(0..<(isSplit ? fieldsEnd : end)))
    try files.barrier(held)
    note(new)
    // A rest of the old name does no harm.
    if isSplit, fieldsEnd < end {
      try? file.write(at: UInt64(fieldsEnd), from: area.bytes.slice(fieldsEnd..<end))
    }
  }

  /// The end of the header as it is in the file, with all that belongs to it.
  private var headerEnd: Int {
    var end = Int(current.headerLength) + HeaderExtension.prefix
    for entry in current.extensions { end += entry.size }
    if current.backingName != nil { end = Int(current.backingNameOffset) + current.backingNameBytes }
    return min(end, Int(geometry.clusterSize))
  }

  /// A place for the new name where nothing is that the old header needs; nil where there is none, or no name.
  private func placeOfName(_ new: Header, _ oldEnd: Int) -> Int? {
    guard new.backingName != nil else { return nil }
    let canonical = new.extensionsEnd
    // An offset without a name behind it means nothing, whatever it is.
    if current.backingName != nil, canonical + new.backingNameBytes <= Int(current.backingNameOffset) {
      // In front of the old name, which stands further back than it has to, or among what the extensions left.
      let extensions = current.extensionsEnd
      if canonical >= extensions { return canonical }
    }
    let place = max(canonical, oldEnd)
    return place + new.backingNameBytes <= Int(geometry.clusterSize) ? place : nil
  }

  /// Writes another header, without the names of features where room is short: they are for people.
  func replace(byShorter new: Header, _ held: borrowing Held) throws(BlockError) {
    var new = new
    if new.writtenSize > Int(geometry.clusterSize) { new.set(.featureNames, nil) }
    guard new.writtenSize <= Int(geometry.clusterSize) else {
      throw BlockError(.tooLarge, "No space left in the file header")
    }
    try replace(by: new, held)
  }
}
