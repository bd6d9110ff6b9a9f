// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host
package import Options

/// Whether an open image says of itself that it is being changed.
package final class ChangeMark: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while the image is made to say it, or no more.
  private var isSet = false

  /// Nothing is said yet.
  package init() {}

  /// Whether the image says so.
  package var stands: Bool { lock.withLock { isSet } }

  /// Calls `body`, which lets the image say so, unless it does already. Others that are about to change something wait
  /// meanwhile.
  package func set(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard !isSet else { return }
      try body()
      isSet = true
    }
  }

  /// Calls `body`, which lets the image say so no more, if it does.
  package func clear(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard isSet else { return }
      try body()
      isSet = false
    }
  }

  /// Calls `body` while the mark stays as it is: for state that belongs to it.
  package func withLock<Result>(_ body: () -> Result) -> Result { lock.withLock { body() } }
}

/// A driver of images that say of themselves that they are being changed, from before the first change until they are
/// closed.
package protocol MarkingDriver: BlockTableDriver {
  /// Stands while the image says so.
  var mark: ChangeMark { get }

  /// Lets the image say so no more.
  func takeMarkOff(_ node: Node) throws(BlockError)
}

extension MarkingDriver {
  /// Takes the mark off once everything is in the file.
  package func endChanges(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable) else { return }
    try flushLast(node) { () throws(BlockError) in
      try mark.clear { () throws(BlockError) in try takeMarkOff(node) }
    }
  }

  package func close(_ node: Node) throws(BlockError) { try endChanges(node) }

  package func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    try options.refuseRest(of: name)
    try endChanges(node)
  }
}
