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
extension BlockTable {
  /// Where the trailer stands, or the file ends.
  func areaEnd(_ file: Edge, _ held: borrowing Held) -> UInt64 {
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
  func cutFile(to offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    guard offset < areaEnd(file, held) else { return }
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
  func lengthenFile(to offset: UInt64, _ held: borrowing Held) throws(BlockError) -> Bool {
    let file = try held.node.child(in: .file)
    let end = areaEnd(file, held)
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

  /// Lets a file end with a whole trailer that does not, behind all that it has.
  ///
  /// - Parameter isWhole: whether the file must have all that entries point to; throws kind `corrupt` then where it ends
  ///   before.
  package func ensureTrailer(_ node: Node, isWhole: Bool = true) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let file = try held.node.child(in: .file)
      let needed = isWhole ? layout.offset(ofUnit: try knownEnd(held)) : 0
      guard needed <= areaEnd(file, held) else {
        throw BlockError(
          .corrupt, "the file ends before its last block, which lies up to offset \(needed)",
          advice: "What is left can be read; 'check -r all' lets the rest read as zeros.")
      }
      guard let trailer, trailerBytes != trailer.length else { return }
      let end = areaEnd(file, held)
      do throws(BlockError) {
        try placeTrailer(at: end.roundedUp(to: 512) ?? end, held)
      } catch {
        guard isWhole else { throw error }
        // A device ends where it ends.
        try placeTrailer(at: needed, held)
      }
    }
  }
}
