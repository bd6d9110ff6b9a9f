// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// The bitmaps of one image on their way into another.
///
/// The last one is looked at first, which decides about which one an error is told.
struct BitmapCopy {
  private let skipsBroken: Bool
  private var source: Node?
  private var bitmaps: [BitmapInformation] = []

  init(skipsBroken: Bool) { self.skipsBroken = skipsBroken }

  /// Takes stock of the source's bitmaps.
  ///
  /// - Throws: kind `unsupported` where the source can have none, `refused` for one that was not saved properly.
  mutating func checkSource(_ user: RootUser?) throws(BlockError) {
    guard let node = user?.edge?.child, let driver = node.driver as? any BitmapDriver,
      driver.supportsBitmaps(of: node)
    else { throw BlockError(.unsupported, "Source lacks bitmap support") }
    source = node
    bitmaps = driver.bitmaps(of: node)
    for bitmap in bitmaps.reversed() where bitmap.isInconsistent && !skipsBroken {
      throw BlockError(
        .refused, "Cannot copy inconsistent bitmap '\(bitmap.name)'",
        hint: "Try --skip-broken-bitmaps, or use 'qemu-img bitmap --remove' to delete it")
    }
  }

  /// Refuses a target to be made that could not take the bitmaps.
  ///
  /// - Throws: kind `unsupported`, naming the format.
  func checkTarget(_ kind: any DriverKind, _ options: OptionObject) throws(BlockError) {
    guard !kind.supportsBitmaps(options) else { return }
    throw BitmapCopy.unsupported(kind.name)
  }

  private static func unsupported(_ format: String) -> BlockError {
    BlockError(.unsupported, "Format driver '\(format)' does not support bitmaps")
  }

  /// Refuses a target that cannot take the bitmaps.
  func checkTarget(_ user: RootUser) throws(BlockError) {
    guard let node = user.edge?.child else { return }
    guard let driver = node.driver as? any BitmapDriver, driver.supportsBitmaps(of: node) else {
      throw BitmapCopy.unsupported(node.driver.name)
    }
    let known = Set(driver.bitmaps(of: node).map(\.name))
    for bitmap in bitmaps.reversed() where !bitmap.isInconsistent {
      guard !known.contains(bitmap.name) else {
        throw BlockError(
          .alreadyExists, "Failed to create bitmap \(bitmap.name): Bitmap already exists: \(bitmap.name)")
      }
      guard let length = source?.length, length != node.length else { continue }
      throw BlockError(
        .invalidArgument,
        "Failed to populate bitmap \(bitmap.name): Bitmaps are of different sizes (destination size is "
          + "\(node.length), source size is \(length)) and can't be merged")
    }
  }

  /// Makes the bitmaps in the target, which has the source's content by now.
  func copy(to user: RootUser, _ warn: (String) -> Void) throws(BlockError) {
    guard let source, let from = source.driver as? any BitmapDriver, let node = user.edge?.child,
      let driver = node.driver as? any BitmapDriver
    else { return }
    for bitmap in bitmaps.reversed() where bitmap.isInconsistent {
      warn("Skipping inconsistent bitmap '\(bitmap.name)'")
    }
    try driver.addBitmaps(try from.usableBitmaps(of: source), of: node)
  }
}
