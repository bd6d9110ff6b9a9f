// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// How much memory the tables of an image may take together.
struct MemoryBudget {
  /// Bytes that are allowed.
  let bytes: UInt64
  /// The advice for an image that takes more.
  private let advice: Advice?
  /// Bytes that are spent.
  private(set) var taken: UInt64 = 0

  /// A budget of so many bytes; of what the format allows where nobody says how many.
  init(bytes: UInt64?) {
    self.bytes = bytes ?? Qcow2Limits.tableMemory
    advice = bytes.map { _ in "Without --untrusted more is allowed." }
  }

  /// Whether more was asked for than is allowed.
  var isExceeded: Bool { taken > bytes }

  /// Spends so many bytes.
  ///
  /// - Throws: kind `tooLarge` with both numbers.
  mutating func take(_ count: UInt64) throws(BlockError) {
    taken = taken.plus(count) ?? .max
    guard isExceeded else { return }
    throw BlockError(
      .tooLarge,
      "The tables of the image take \(taken) bytes of memory, more than the \(bytes) that are allowed",
      advice: advice)
  }

  /// Bytes that a growing array of structures of this type takes for each, at most: it doubles, and while it does the
  /// old one is still there.
  static func inArray<Element>(of type: Element.Type) -> Int { 3 * MemoryLayout<Element>.stride }

  /// Bytes of memory beside its elements that an array takes.
  static let arrayHeader = 48
}
