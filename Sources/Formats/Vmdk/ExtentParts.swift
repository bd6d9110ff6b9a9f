// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The parts of a disk, end to end.
struct ExtentParts {
  /// A part of the disk.
  struct Part {
    let line: VmdkExtentLine
    /// The number of its line.
    let number: Int
    /// Where the part begins and ends on the disk, in bytes.
    let range: Range<UInt64>

    /// The slot of the part's file.
    var slot: EdgeSlot { ExtentsDriver.slots.element(number) }
    /// Where the part begins in its file, in bytes.
    var fileOffset: UInt64 { line.firstSector * 512 }

    /// The offset in the part's file of an offset on the disk.
    func place(of offset: UInt64) -> UInt64 { fileOffset + (offset - range.lowerBound) }
  }

  /// All that are not empty.
  let all: [Part]
  /// Bytes of the disk.
  let end: UInt64

  /// - Throws: kind `tooLarge` for parts that are longer together than a disk can be.
  init(_ lines: [VmdkExtentLine]) throws(BlockError) {
    var parts: [Part] = []
    var end: UInt64 = 0
    for (number, line) in lines.enumerated() {
      guard let next = end.plus(line.sectors * 512), Int64(exactly: next) != nil else {
        throw BlockError(.tooLarge, "the image's extents are longer together than a disk can be")
      }
      if end < next { parts.append(Part(line: line, number: number, range: end..<next)) }
      end = next
    }
    all = parts
    self.end = end
  }

  /// The part that has an offset on the disk.
  func part(at offset: UInt64) throws(BlockError) -> Part {
    let index = all.firstIndexSorted { $0.range.upperBound > offset }
    guard index < all.count else { throw BlockError(.inputOutput, "request past the end of the disk") }
    return all[index]
  }
}
