// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A format whose images hold bitmaps: which parts of the disk were written since some moment, for incremental
/// backups.
///
/// While an image is written, the driver keeps its enabled bitmaps up to date; a crash leaves those marked as
/// inconsistent. No other request runs during any of the changes below. When one throws, the image holds the bitmaps
/// as before or as after, and space may be left unaccounted for where the storage failed for good.
package protocol BitmapDriver: FormatDriver {
  /// Whether the image can hold any.
  func supportsBitmaps(of node: Node) -> Bool

  /// The bitmaps that the image holds, in its order.
  func bitmaps(of node: Node) -> [BitmapInformation]

  /// Opens one bitmap for reading; its content stays as it is until the image changes.
  ///
  /// - Throws: kind `notFound`, quoting the name; kind `refused` for a bitmap that is inconsistent.
  func bitmapContent(_ name: String, of node: Node) throws(BlockError) -> any BitmapContent

  /// The bitmaps that can be used, in the image's order, opened for reading like one.
  func usableBitmaps(of node: Node) throws(BlockError) -> [NewBitmap]

  /// Makes all of several bitmaps, or none.
  ///
  /// - Throws: as for one, naming the bitmap: `Failed to create bitmap NAME`.
  func addBitmaps(_ bitmaps: [NewBitmap], of node: Node) throws(BlockError)

  /// Makes, changes or forgets one bitmap.
  ///
  /// - Throws: kind `notFound`, `alreadyExists` or `invalidArgument`, quoting the name; kind `refused` for a
  ///   bitmap that is inconsistent; kind `unsupported` for an image that can hold no bitmaps.
  func changeBitmap(_ name: String, _ change: BitmapChange, of node: Node) throws(BlockError)

  /// Takes stock of bitmaps that another program made worthless by writing without knowing them.
  func dropStaleBitmaps(of node: Node) throws(BlockError)
}

/// A bitmap with what it holds, to be made elsewhere.
package struct NewBitmap: Sendable {
  /// The name.
  package var name: String
  /// Bytes of the disk that one bit stands for, or nil for what the format does by itself.
  package var granularity: UInt64?
  /// Whether writes are noted in it.
  package var isEnabled: Bool
  /// The content that it has from the start; empty without.
  package var content: (any BitmapContent)?

  /// Makes a description.
  package init(name: String, granularity: UInt64?, isEnabled: Bool, content: (any BitmapContent)?) {
    self.name = name
    self.granularity = granularity
    self.isEnabled = isEnabled
    self.content = content
  }
}

/// A change of one bitmap.
package enum BitmapChange: Sendable {
  /// Make it.
  ///
  /// - Parameters:
  ///   - granularity: bytes of the disk that a bit stands for, or nil for what the format does by itself.
  ///   - isEnabled: whether writes are noted in it.
  ///   - content: the content that it has from the start; empty without.
  case add(granularity: UInt64?, isEnabled: Bool = true, content: (any BitmapContent)? = nil)
  /// Forget it; the only change that an inconsistent bitmap takes.
  case remove
  /// Let nothing be dirty in it.
  case clear
  /// Note writes in it from now on, or no longer.
  case setEnabled(Bool)
  /// Let what is dirty in another bitmap be dirty in it too.
  case merge(any BitmapContent)
}

/// One bitmap as `info` lists it.
package struct BitmapInformation: Sendable, Equatable {
  /// The name.
  package var name: String
  /// Bytes of the disk that one bit stands for.
  package var granularity: UInt64
  /// Whether writes are noted in it.
  package var isEnabled: Bool
  /// Whether it was not saved properly, so that what it holds means nothing.
  package var isInconsistent: Bool

  /// Makes a bitmap's lines.
  package init(name: String, granularity: UInt64, isEnabled: Bool, isInconsistent: Bool) {
    self.name = name
    self.granularity = granularity
    self.isEnabled = isEnabled
    self.isInconsistent = isInconsistent
  }
}

/// The content of a bitmap.
package protocol BitmapContent: Sendable {
  /// Bytes of the disk that the bitmap describes.
  var length: UInt64 { get }

  /// Calls `body` with each dirty range, in bytes, in ascending order; neighbours may come one by one.
  func forEachDirty(_ body: (Range<UInt64>) throws(BlockError) -> Void) throws(BlockError)
}

extension BlockError {
  /// The error of a bitmap that an image does not have.
  package static func noBitmap(_ name: String) -> BlockError {
    BlockError(
      .notFound, "Dirty bitmap '\(name)' not found", advice: "'info \(.file)' lists the bitmaps of the image."
    )
  }
}
