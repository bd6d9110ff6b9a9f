// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

/// Ranges of a file, put end to end: a file inside a file. It is only read.
final class FileParts: FormatDriver, Sendable {
  let name = "raw"
  private let parts: [Range<UInt64>]
  /// Where each part begins, and where the last one ends.
  private let starts: [UInt64]

  /// - Throws: kind `tooLarge` for more bytes than a file can have.
  init(_ parts: [Range<UInt64>]) throws(BlockError) {
    self.parts = parts
    var starts: [UInt64] = [0]
    var end: UInt64 = 0
    for part in parts {
      guard let next = end.plus(part.upperBound - part.lowerBound), Int64(exactly: next) != nil else {
        throw BlockError(.tooLarge, "the parts of the image are longer together than a disk can be")
      }
      end = next
      starts.append(end)
    }
    self.starts = starts
  }

  /// The options by which a user could state the same.
  var options: OptionObject {
    guard parts.count == 1 else { return [:] }
    return ["offset": OptionTree(parts[0].lowerBound), "size": OptionTree(starts[1])]
  }

  func length(of node: Node) -> UInt64 { starts[parts.count] }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let index = starts.firstIndexSorted { $0 > offset } - 1
    guard parts.indices.contains(index) else {
      throw BlockError(.inputOutput, "request past the end of the image")
    }
    let local = offset - starts[index]
    let count = min(length, starts[index + 1] - offset)
    let location = Extent.Location(.file, parts[index].lowerBound + local)
    return Extent(.data, length: count, location: location, isPassThrough: true)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw BlockError(.readOnly, "a file inside a file is only read")
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func flush(_ node: Node) throws(BlockError) {}
}

/// Whole files, put end to end. They are only read.
final class FilePieces: FormatDriver, Sendable {
  let name = "raw"
  /// Where each file begins, and where the last one ends.
  private let starts: [UInt64]

  /// - Parameter lengths: those of the files.
  /// - Throws: kind `tooLarge` for more bytes than a file can have.
  init(_ lengths: [UInt64]) throws(BlockError) {
    var starts: [UInt64] = [0]
    var end: UInt64 = 0
    for length in lengths {
      guard let next = end.plus(length), Int64(exactly: next) != nil else {
        throw BlockError(.tooLarge, "the parts of the image are longer together than a disk can be")
      }
      end = next
      starts.append(end)
    }
    self.starts = starts
  }

  func length(of node: Node) -> UInt64 { starts[starts.count - 1] }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let index = starts.firstIndexSorted { $0 > offset } - 1
    guard index >= 0, index + 1 < starts.count else {
      throw BlockError(.inputOutput, "request past the end of the image")
    }
    let location = Extent.Location(ImageReference.pieceSlots.element(index), offset - starts[index])
    return Extent(
      .data, length: min(length, starts[index + 1] - offset), location: location, isPassThrough: true)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw BlockError(.readOnly, "an image in several files is only read")
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
