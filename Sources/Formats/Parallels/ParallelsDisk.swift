// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import XML

/// A disk of Parallels in several files, as `DiskDescriptor.xml` in the disk's folder describes it: images for parts of the
/// disk, and for each part one for every snapshot.
struct ParallelsDisk {
  /// An image file.
  struct Image {
    /// The state of the disk that the image belongs to.
    var state: GUID
    /// Whether it has a header and a block map; its bytes are the part's otherwise.
    var isExpanding: Bool
    /// Its name, relative to the folder.
    var file: String
  }

  /// A part of the disk.
  struct Storage {
    /// Bytes of the disk.
    var range: Range<UInt64>
    /// The images from the state that is shown down to the first: where one has nothing, the next shows through.
    var layers: [Image]
  }

  /// The state of disks that have had no snapshot, and the topmost one where none is stated.
  static let usualTop = GUID(0x5fba_abe3, 0x6958, 0x40ff, 0x92a7_860e_329a_ab41)
  /// The most images that are open at once.
  static let mostImages = 1024

  /// Bytes of the disk.
  let size: UInt64
  /// The parts in the order of the disk, without gaps.
  let storages: [Storage]
  /// The states from the shown one down to the first.
  let states: [GUID]

  /// Reads a description.
  ///
  /// - Throws: kind `corrupt` where it contradicts itself, `unsupported` for disks that are encrypted or padded,
  ///   `tooLarge` past a limit.
  init(parsing text: RawSpan) throws(BlockError) {
    let root = try XMLParser.parse(text, limits: .descriptor)
    guard root.name == "Parallels_disk_image" else {
      throw BlockError(.corrupt, "the description is not one of a disk: its element is '\(root.name)'")
    }
    let parameters = try root.only("Disk_Parameters")
    size = try parameters.sectors("Disk_size")
    guard size > 0 else { throw BlockError(.corrupt, "Disk_size is 0") }
    if let padding = parameters.child("Padding"), padding.text != "0" {
      throw BlockError(.unsupported, "Padding is '\(padding.text)': a disk that is padded is not read")
    }
    if let sector = parameters.child("LogicSectorSize"), sector.text != "512" {
      throw BlockError(
        .unsupported, "LogicSectorSize is '\(sector.text)': only sectors of 512 bytes are read")
    }
    if let engine = parameters.child("Encryption")?.child("Engine"), GUID(engine.text) != GUID.none {
      throw BlockError(.unsupported, "the disk is encrypted (Engine '\(engine.text)')")
    }
    states = try ParallelsDisk.states(root.child("Snapshots"))
    storages = try ParallelsDisk.storages(try root.only("StorageData"), size: size, states)
  }

  // MARK: States

  /// The states from the shown one down to the first.
  private static func states(_ snapshots: XMLElement?) throws(BlockError) -> [GUID] {
    var parents: [GUID: GUID] = [:]
    for shot in snapshots?.children("Shot") ?? [] {
      let state = try shot.guid("GUID")
      guard state != .none, parents.updateValue(try shot.guid("ParentGUID"), forKey: state) == nil else {
        throw BlockError(.corrupt, "the snapshot {\(state)} is listed twice, or names nothing")
      }
    }
    let top = try snapshots?.child("TopGUID").map { (top) throws(BlockError) in try top.guid } ?? usualTop
    guard !parents.isEmpty else { return [top] }
    var states: [GUID] = []
    var next = top
    while next != .none {
      guard let parent = parents.removeValue(forKey: next) else {
        let isLoop = states.contains(next)
        throw BlockError(
          .corrupt,
          isLoop
            ? "the snapshot {\(next)} is based on itself"
            : "there is no snapshot {\(next)}, on which \(states.last.map { "{\($0)}" } ?? "the disk") is based"
        )
      }
      states.append(next)
      next = parent
    }
    return states
  }

  // MARK: Parts

  private static func storages(_ data: XMLElement, size: UInt64, _ states: [GUID]) throws(BlockError)
    -> [Storage]
  {
    var storages: [Storage] = []
    for element in data.children("Storage") {
      let (start, end) = (try element.sectors("Start"), try element.sectors("End"))
      guard start < end, end <= size else {
        throw BlockError(
          .corrupt, "a Storage goes from sector \(start / 512) to \(end / 512), of \(size / 512) sectors")
      }
      storages.append(Storage(range: start..<end, layers: try layers(of: element, states)))
    }
    guard storages.count <= mostImages, storages.count * states.count <= mostImages else {
      throw BlockError(
        .tooLarge,
        "the disk consists of \(storages.count * states.count) images, of which \(mostImages) can be open")
    }
    storages.sort { $0.range.lowerBound < $1.range.lowerBound }
    var files: Set<String> = []
    for image in storages.flatMap(\.layers) where !files.insert(image.file).inserted {
      throw BlockError(.corrupt, "the image '\(image.file)' stands in two places")
    }
    var end: UInt64 = 0
    for storage in storages {
      guard storage.range.lowerBound == end else {
        throw BlockError(
          .corrupt,
          "the Storages leave a gap or overlap at sector \(min(end, storage.range.lowerBound) / 512)")
      }
      end = storage.range.upperBound
    }
    guard end == size else {
      throw BlockError(
        .corrupt, "the Storages have \(end / 512) sectors together, where Disk_size is \(size / 512)")
    }
    return storages
  }

  private static func layers(of storage: XMLElement, _ states: [GUID]) throws(BlockError) -> [Image] {
    var images: [GUID: Image] = [:]
    for element in storage.children("Image") {
      let state = try element.guid("GUID")
      let file = try element.only("File").text
      guard !file.isEmpty else { throw BlockError(.corrupt, "an Image has no File") }
      let type = try element.only("Type").text
      guard ["Plain", "Compressed"].contains(type) else {
        throw BlockError(.unsupported, "the image '\(file)' is of the Type '\(type)', which is not known")
      }
      let image = Image(state: state, isExpanding: type == "Compressed", file: file)
      guard images.updateValue(image, forKey: state) == nil else {
        throw BlockError(.corrupt, "a Storage has two images {\(state)}")
      }
    }
    var layers: [Image] = []
    for state in states {
      guard let image = images[state] else {
        throw BlockError(.corrupt, "a Storage has no image {\(state)}")
      }
      layers.append(image)
      // Nothing shows through an image that has all sectors.
      if !image.isExpanding { break }
    }
    return layers
  }
}

extension XMLElement {
  /// The one element inside that is called so.
  fileprivate func only(_ name: String) throws(BlockError) -> XMLElement {
    let found = children(name)
    guard found.count == 1 else {
      throw BlockError(.corrupt, "\(self.name) has \(found.isEmpty ? "no" : "more than one") \(name)")
    }
    return found[0]
  }

  /// The number of sectors in an element inside, in bytes.
  fileprivate func sectors(_ name: String) throws(BlockError) -> UInt64 {
    let text = try only(name).text
    guard let sectors = UInt64(text), let bytes = sectors.times(512), Int64(exactly: bytes) != nil else {
      throw BlockError(.corrupt, "\(name) is '\(text.prefix(40))', which is no number of sectors")
    }
    return bytes
  }

  /// The identifier in an element inside.
  fileprivate func guid(_ name: String) throws(BlockError) -> GUID { try only(name).guid }

  /// The identifier that the element is.
  fileprivate var guid: GUID {
    get throws(BlockError) {
      guard let guid = GUID(text) else {
        throw BlockError(.corrupt, "\(name) is '\(text.prefix(60))', which is no identifier")
      }
      return guid
    }
  }
}
