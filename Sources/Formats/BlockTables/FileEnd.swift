// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// What a format keeps in the last bytes of its files, such as a footer.
package protocol BlockTableTrailer: Sendable {
  /// Its bytes, a multiple of 512.
  var length: UInt64 { get }

  /// Writes it at an offset of the file, which ends behind it then or later. Called with the table's lock held.
  func write(at offset: UInt64, to file: Edge) throws(BlockError)
}

/// The end of the file, which a trailer follows around.
///
/// A file ends with a trailer at every moment: the new one is safe before anything stands where the old one is, and before
/// the file is cut.
final class FileEnd {
  private let trailer: (any BlockTableTrailer)?
  private let journal: (any TableJournal)?
  private let count: (any TableCount)?
  /// Bytes of the trailer at the end of the file, as it stands there: 0 where there is none yet.
  private(set) var trailerBytes: UInt64

  init(
    _ trailer: (any BlockTableTrailer)?, bytes: UInt64, journal: (any TableJournal)?, count: (any TableCount)?
  ) {
    self.trailer = trailer
    self.journal = journal
    self.count = count
    trailerBytes = bytes
  }

  /// Whether the format has a trailer.
  var hasTrailer: Bool { trailer != nil }
  /// Whether the file ends with a whole trailer, where the format has one.
  var isWhole: Bool { trailer.map { $0.length == trailerBytes } ?? true }

  /// Where the trailer stands, or the file ends.
  func area(_ file: Edge, _ held: borrowing Held) -> UInt64 {
    file.length - min(file.length, trailerBytes)
  }

  /// Puts the trailer at an offset, where nothing else is, and makes that durable; the file does not become shorter.
  func placeTrailer(at offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let trailer else { return }
    let file = try held.node.child(in: .file)
    try trailer.write(at: offset, to: file)
    trailerBytes = trailer.length
    try file.flush()
  }

  /// Makes the file shorter, so that it ends at an offset or with the trailer there, or leaves it as it is.
  func cut(to offset: UInt64, _ layout: BlockTableLayout, _ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    guard offset < area(file, held) else { return }
    try journal?.settle(held.node)
    try placeTrailer(at: offset, held)
    let units = layout.units(of: 0..<offset).upperBound
    if let count, count.units > units {
      try count.set(units, in: file)
      try file.flush()
    }
    try file.truncate(to: offset + (trailer?.length ?? 0), exact: false, preallocation: .off)
  }

  /// Makes the file longer, so that it ends at an offset or with the trailer there, with zeros before that; whether it was
  /// shorter.
  func lengthen(to offset: UInt64, _ held: borrowing Held) throws(BlockError) -> Bool {
    let file = try held.node.child(in: .file)
    let end = area(file, held)
    guard offset > end else { return false }
    if trailer == nil {
      try file.truncate(to: offset, exact: false, preallocation: .off)
    } else {
      let old = trailerBytes
      try placeTrailer(at: offset, held)
      try file.writeZeroes(at: end, length: min(old, offset - end), mayUnmap: true)
    }
    return true
  }
}
