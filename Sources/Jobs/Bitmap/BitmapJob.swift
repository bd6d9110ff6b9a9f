// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// Makes, changes or forgets a bitmap of an image, one step after the other.
///
/// A step that fails ends the job; those before it stay done.
package final class BitmapJob: Job {
  /// One step.
  package enum Action: Sendable, Equatable {
    /// Make the bitmap.
    case add
    /// Forget the bitmap.
    case remove
    /// Let nothing be dirty in the bitmap.
    case clear
    /// Note writes in the bitmap from now on.
    case enable
    /// Note writes in the bitmap no longer.
    case disable
    /// Let what is dirty in the bitmap of this name be dirty in it too.
    case merge(String)

    /// The word for the step in messages.
    var name: String {
      switch self {
      case .add: "add"
      case .remove: "remove"
      case .clear: "clear"
      case .enable: "enable"
      case .disable: "disable"
      case .merge: "merge"
      }
    }
  }

  /// `bitmap`.
  package let kind = "bitmap"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  private let image: JobImage
  private let source: JobImage?
  private let bitmap: String
  private let actions: [Action]
  private let granularity: UInt64?
  private var context: JobContext?
  private var user: RootUser?
  private var sourceUser: RootUser?

  /// - Parameters:
  ///   - image: where it is opened by name, the settings must say `writable`.
  ///   - bitmap: the bitmap's name.
  ///   - actions: the steps, in order.
  ///   - granularity: bytes that one bit of a new bitmap stands for; nil for what the format does by itself.
  ///   - source: the image that merged bitmaps are in, where it is not the same.
  package init(
    _ image: JobImage, bitmap: String, _ actions: [Action], granularity: UInt64? = nil,
    mergingFrom source: JobImage? = nil
  ) {
    self.image = image
    self.bitmap = bitmap
    self.actions = actions
    self.granularity = granularity
    self.source = source
  }

  /// Opens the image, which nobody else may write meanwhile, and then the source.
  package func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser(
      "bitmap: '\(image.text)'", request: PermissionRequest(held: .write, shared: .consistentRead))
    self.user = user
    try image.attach(user, in: graph)
    guard let source else { return }
    let sourceUser = graph.makeUser(
      "bitmap: source '\(source.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    self.sourceUser = sourceUser
    try source.attach(sourceUser, in: graph)
  }

  /// Nothing: others see all that there is to do.
  package func run(_ context: JobContext) throws(BlockError) { self.context = context }

  /// Does the steps, each of which is durable before the next begins.
  ///
  /// - Throws: what went wrong, with the step and the bitmap's name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let edge = user?.edge else { return }
    let driver = edge.child.driver as? any BitmapDriver
    try driver?.dropStaleBitmaps(of: edge.child)
    for action in actions {
      try context?.checkInterrupted()
      try inContext("Operation \(action.name) on bitmap \(bitmap) failed") { () throws(BlockError) in
        guard let driver else { throw lackOfSupport(action, edge.child) }
        try driver.changeBitmap(bitmap, try change(for: action, edge.child), of: edge.child)
      }
      try edge.flush(named: image.text)
    }
  }

  private func change(for action: Action, _ node: Node) throws(BlockError) -> BitmapChange {
    switch action {
    case .add: return .add(granularity: granularity == 0 ? nil : granularity)
    case .remove: return .remove
    case .clear: return .clear
    case .enable: return .setEnabled(true)
    case .disable: return .setEnabled(false)
    case .merge(let name):
      try requireBitmap(node)
      let from = sourceUser?.edge?.child ?? node
      return try about(source?.text) { () throws(BlockError) -> BitmapChange in
        guard let driver = from.driver as? any BitmapDriver else { throw BitmapJob.noBitmaps(name, in: from) }
        return .merge(try driver.bitmapContent(name, of: from))
      }
    }
  }

  /// Makes sure that the bitmap to be changed exists: where both bitmaps are missing, that one is told first.
  private func requireBitmap(_ node: Node) throws(BlockError) {
    guard let driver = node.driver as? any BitmapDriver else { throw BitmapJob.noBitmaps(bitmap, in: node) }
    guard driver.bitmaps(of: node).contains(where: { $0.name == bitmap }) else { throw .noBitmap(bitmap) }
  }

  private func lackOfSupport(_ action: Action, _ node: Node) -> BlockError {
    guard action == .add else { return BitmapJob.noBitmaps(bitmap, in: node) }
    return BlockError(
      .unsupported, "Can't store persistent bitmaps to \(node.name): Operation not supported",
      advice: BitmapJob.advice(node))
  }

  /// The error of a bitmap that is looked up where the format has none.
  private static func noBitmaps(_ name: String, in node: Node) -> BlockError {
    var error = BlockError.noBitmap(name)
    error.advice = advice(node)
    return error
  }

  private static func advice(_ node: Node) -> Advice {
    "The format \(node.driver.name) keeps no bitmaps; 'convert -O qcow2 \(.file) NEW' makes an image that can."
  }

  /// Lets go of both images.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    // Nothing was written there.
    if let sourceUser { try? graph.release(sourceUser) }
    closeFailure = graph.close(user, named: image.text)
    user = nil
    sourceUser = nil
  }
}
