// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Takes, restores or forgets an internal snapshot.
package final class SnapshotJob: Job {
  /// The action of the job.
  package enum Action: Sendable, Equatable {
    /// Keep the present state under a name.
    case create(String)
    /// Make a kept state, by id or name, the present one.
    case apply(String)
    /// Forget a state, by name or id.
    case delete(String)
  }

  /// `snapshot`.
  package let kind = "snapshot"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  private let image: JobImage
  private let action: Action
  private var user: RootUser?
  /// The snapshot that was taken, where that may have to be taken back.
  private var made: SnapshotInformation?
  private var restoreFailure: BlockError?

  /// - Parameter image: where it is opened by name, the settings must say `writable`.
  package init(_ image: JobImage, _ action: Action) {
    self.image = image
    self.action = action
  }

  /// Opens the image; nobody else may write it meanwhile.
  package func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser(
      "snapshot: '\(image.text)'", request: PermissionRequest(held: .write, shared: .consistentRead))
    self.user = user
    try image.attach(user, in: graph)
  }

  /// Nothing: others see all that there is to do.
  package func run(_ context: JobContext) throws(BlockError) { try context.checkInterrupted() }

  /// Does it and makes it safe.
  ///
  /// - Throws: the error of the action, with the snapshot's name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let edge = user?.edge else { return }
    let node = edge.child.shown
    let known = Set(SnapshotJob.snapshots(of: node).map(\.idBytes))
    try perform(node.driver as? any SnapshottingDriver, node)
    if case .create = action, !isFinal {
      made = SnapshotJob.snapshots(of: node).first { !known.contains($0.idBytes) }
    }
    try edge.flush(named: image.text)
  }

  /// Forgets a snapshot that was taken; nothing else can be taken back.
  package func abort(in graph: Graph) {
    guard let made, let edge = user?.edge else { return }
    do throws(BlockError) {
      let node = edge.child.shown
      let driver = node.driver as? any SnapshottingDriver
      try driver?.deleteSnapshot(.exactly(id: made.id, name: made.name), of: node)
      try edge.flush()
    } catch {
      restoreFailure = error
    }
  }

  /// The advice where a format has no snapshots.
  private static let noSnapshots: Advice =
    "The format keeps no snapshots; an overlay ('create -b') leaves an image as it is."

  private static func snapshots(of node: Node) -> [SnapshotInformation] {
    node.driver.formatInformation(of: node)?.snapshots ?? []
  }

  private func perform(_ driver: (any SnapshottingDriver)?, _ node: Node) throws(BlockError) {
    switch action {
    case .create(let name):
      try inContext("Could not create snapshot '\(name)'") { () throws(BlockError) in
        guard let driver else {
          throw BlockError(
            .unsupported, "-95 (Operation not supported)", advice: SnapshotJob.noSnapshots)
        }
        let now = WallClock.now
        do throws(BlockError) {
          try driver.createSnapshot(name, seconds: now.seconds, nanoseconds: now.nanoseconds, of: node)
        } catch {
          guard error.kind == .unsupported else { throw error }
          throw BlockError(.unsupported, "-95 (\(error.message))")
        }
      }
    case .apply(let name):
      try inContext("Could not apply snapshot '\(name)'") { () throws(BlockError) in
        guard let driver else {
          throw BlockError(
            .unsupported, "Block driver does not support snapshots", advice: SnapshotJob.noSnapshots)
        }
        try refuseBitmaps(node)
        try inContext("Failed to load snapshot", step: .loadSnapshot) { () throws(BlockError) in
          try driver.applySnapshot(.idOrName(name), of: node)
        }
      }
    case .delete(let name):
      try inContext("Could not delete snapshot '\(name)'") { () throws(BlockError) in
        let snapshots = SnapshotJob.snapshots(of: node)
        let wanted = name.spelledBytes
        // A name goes before an id here, as other programs have it.
        guard
          let found = snapshots.first(where: { $0.nameBytes == wanted })
            ?? snapshots.first(where: { $0.idBytes == wanted })
        else {
          throw BlockError(
            .notFound, "snapshot not found",
            advice: driver == nil ? SnapshotJob.noSnapshots : "'snapshot -l \(.file)' lists the snapshots.")
        }
        try driver?.deleteSnapshot(.exactly(id: found.id, name: found.name), of: node)
      }
    }
  }

  /// Going back in time is nothing that a record of writes can tell.
  private func refuseBitmaps(_ node: Node) throws(BlockError) {
    guard let driver = node.driver as? any BitmapDriver, !driver.bitmaps(of: node).isEmpty else { return }
    throw BlockError(.refused, "Device has active dirty bitmaps")
  }

  /// Lets go of the image.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    if let restoreFailure {
      warnings.append(
        restoreFailure.prefixed("'\(image.text)' keeps the snapshot that was taken", naming: image.text))
    }
    closeFailure = graph.close(user, named: image.text)
    user = nil
  }
}
