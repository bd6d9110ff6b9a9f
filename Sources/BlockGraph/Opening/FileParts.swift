// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

/// Ranges of a file, or of several, put end to end: a file inside of others. It is only read.
final class FileParts: FormatDriver, Sendable {
  /// A range of the file in a slot.
  struct Part: Sendable {
    var slot = EdgeSlot.file
    let range: Range<UInt64>
  }

  let name = "raw"
  private let parts: [Part]
  /// Where each part begins, and where the last one ends.
  private let starts: [UInt64]

  /// - Throws: kind `tooLarge` for more bytes than a file can have.
  init(_ parts: [Part]) throws(BlockError) {
    self.parts = parts
    var starts: [UInt64] = [0]
    var end: UInt64 = 0
    for part in parts {
      guard let next = end.plus(part.range.upperBound - part.range.lowerBound), Int64(exactly: next) != nil
      else {
        throw BlockError(.tooLarge, "the parts of the image are longer together than a disk can be")
      }
      end = next
      starts.append(end)
    }
    self.starts = starts
  }

  /// The options by which a user could state the same.
  var options: OptionObject {
    guard parts.count == 1, parts[0].slot == .file else { return [:] }
    return ["offset": OptionTree(parts[0].range.lowerBound), "size": OptionTree(starts[1])]
  }

  func length(of node: Node) -> UInt64 { starts[parts.count] }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let index = starts.firstIndexSorted { $0 > offset } - 1
    guard parts.indices.contains(index) else {
      throw BlockError(.inputOutput, "request past the end of the image")
    }
    let local = offset - starts[index]
    let count = min(length, starts[index + 1] - offset)
    let location = Extent.Location(parts[index].slot, parts[index].range.lowerBound + local)
    return Extent(.data, length: count, location: location, isPassThrough: true)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw BlockError(.readOnly, "a file inside a file is only read")
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func flush(_ node: Node) throws(BlockError) {}
}

/// The gate for images inside of files: they stand alone.
struct PartGate: OpenGate {
  /// Refuses.
  func resolve(_ name: String, of reference: ImageReference, foundIn parent: String) throws(BlockError)
    -> ImageName
  {
    throw BlockError(
      .refused,
      "a disk inside of '\(parent)' names the \(reference.slot.fileWords) '\(name)', which is not followed",
      naming: parent)
  }
}
