// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// An open disk of several files: its parts put end to end, each with the images of its snapshots on each other. It is only
/// read.
final class ParallelsDiskDriver: ComposedDriver, CheckingDriver, Sendable {
  /// The slots of the images: those of the first part from the shown state down, then those of the next.
  static let slots = EdgeSlot(rawValue: "images")

  /// A part of the disk.
  private struct Part {
    let storage: ParallelsDisk.Storage
    let slots: [EdgeSlot]
  }

  let name = "parallels"
  private let disk: ParallelsDisk
  private let parts: [Part]

  init(_ disk: ParallelsDisk) {
    self.disk = disk
    var parts: [Part] = []
    var count = 0
    for storage in disk.storages {
      let slots = storage.layers.indices.map { ParallelsDiskDriver.slots.element(count + $0) }
      parts.append(Part(storage: storage, slots: slots))
      count += slots.count
    }
    self.parts = parts
  }

  /// The image files: in the disk's own folder or below it.
  var references: [ImageReference] {
    var references: [ImageReference] = []
    for part in parts {
      for (image, slot) in zip(part.storage.layers, part.slots) {
        var reference = ImageReference(
          slot: slot, role: image.isExpanding ? [.data, .metadata] : .data, name: image.file,
          format: image.isExpanding ? name : nil, isStorage: !image.isExpanding)
        reference.staysInFolder = true
        if image.isExpanding {
          reference.check = { (node: Node) throws(BlockError) in
            guard node.driver is ParallelsDriver else {
              throw BlockError(.corrupt, "'\(node.fileName)' is no image of a disk")
            }
            return []
          }
        }
        references.append(reference)
      }
    }
    return references
  }

  func length(of node: Node) -> UInt64 { disk.size }

  /// Holds the parts against their files.
  func readReferences(of node: Node) throws(BlockError) {
    for part in parts {
      for (image, slot) in zip(part.storage.layers, part.slots) {
        let has = try node.child(in: slot).length
        guard has >= UInt64(part.storage.range.count) else {
          throw BlockError(
            .corrupt,
            "the image '\(image.file)' has \(has) bytes where the description says \(part.storage.range.count)"
          )
        }
      }
    }
  }

  private func part(at offset: UInt64) throws(BlockError) -> Part {
    let index = parts.firstIndexSorted { $0.storage.range.upperBound > offset }
    guard index < parts.count else { throw BlockError(.inputOutput, "request past the end of the disk") }
    return parts[index]
  }

  /// The first image from the shown state down that has something there.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let part = try part(at: offset)
    let range = part.storage.range
    var count = min(length, range.upperBound - offset)
    let place = offset - range.lowerBound
    for (image, slot) in zip(part.storage.layers, part.slots) {
      let location = Extent.Location(slot, place)
      guard image.isExpanding else {
        return Extent(.data, length: count, location: location, isPassThrough: true)
      }
      let found = try node.child(in: slot).extent(at: place, length: count)
      count = min(count, found.length)
      guard found.kind == .unallocated else {
        return Extent(found.kind, length: count, location: location, isPassThrough: true)
      }
    }
    return Extent(.unallocated, length: count)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw ParallelsDiskDriver.onlyRead
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func flush(_ node: Node) throws(BlockError) {}

  /// Refuses writing.
  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    try options.refuseRest(of: name)
    if flags.contains(.writable) { throw ParallelsDiskDriver.onlyRead }
  }

  /// The error where somebody wants to write.
  static let onlyRead = BlockError(
    .unsupported, "a disk of several files is only read",
    advice: "Its images (.hds) can be written one by one, where the disk has no snapshots.")

  // MARK: Check

  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    var sum = CheckResult()
    for part in parts {
      for (image, slot) in zip(part.storage.layers, part.slots) where image.isExpanding {
        let child = try node.child(in: slot).child
        guard let driver = child.driver as? ParallelsDriver else { continue }
        sum.add(try driver.check(child, context) { report("\(image.file): \($0)") })
      }
    }
    sum.imageEndOffset = 0
    return sum
  }

  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    throw ParallelsDiskDriver.onlyRead
  }

  // MARK: Information

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    var images: [OptionTree] = []
    for part in parts {
      for (image, slot) in zip(part.storage.layers, part.slots) {
        images.append([
          "filename": .string(node.edge(slot)?.child.fileName ?? image.file),
          "start": OptionTree(part.storage.range.lowerBound),
          "virtual-size": OptionTree(UInt64(part.storage.range.count)),
          "state": .string("{\(image.state)}"),
          "type": .string(image.isExpanding ? "expanding" : "plain"),
        ])
      }
    }
    information.specific = [
      "type": .string(name),
      "data": ["snapshots": OptionTree(UInt64(disk.states.count - 1)), "images": .array(images)],
    ]
    return information
  }
}
