// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host
package import Options

/// Changes the length of an image's disk.
///
/// A new part reads as zero; a part that is cut off is gone.
package final class ResizeJob: Job {
  /// `resize`.
  package let kind = "resize"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  /// Whether the job failed only because it would have cut data off without being allowed to.
  package private(set) var lacksLeaveToShrink = false
  /// The disk's length in bytes before and after; known once the job ran.
  package private(set) var lengths: (before: UInt64, after: UInt64) = (0, 0)
  private let image: JobImage
  private let change: SizeText.Change
  private let mayShrink: Bool
  private let preallocation: Preallocation
  private var user: RootUser?
  /// The length before, where the image has become longer.
  private var grownFrom: UInt64?
  private var restoreFailure: BlockError?
  /// Whether it is not known which files the image names.
  private var isUncertain = false
  /// Warnings of files that are no part of the image any more.
  private var leftFiles: [BlockError] = []
  /// The files that the image needs besides, where it is divided.
  private var files: FurtherFiles?

  /// - Parameters:
  ///   - image: where it is opened by name, the settings must say `writable`.
  ///   - change: the new length in bytes, or the difference.
  ///   - mayShrink: whether the length may become less.
  ///   - preallocation: how space is taken for the new part.
  package init(
    _ image: JobImage, _ change: SizeText.Change, mayShrink: Bool = false, preallocation: Preallocation = .off
  ) {
    self.image = image
    self.change = change
    self.mayShrink = mayShrink
    self.preallocation = preallocation
  }

  /// Opens the image; nobody else may write or resize it meanwhile.
  package func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser(
      "resize: '\(image.text)'",
      request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    self.user = user
    try image.attach(user, in: graph)
  }

  /// Works out the length.
  ///
  /// - Throws: kind `invalidArgument` for a length that cannot be, `refused` where data would be cut off.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let edge = user?.edge else { return }
    try context.checkInterrupted()
    // Disks consist of sectors, also where a file ends in the middle of one.
    let present = edge.length.roundedUp(to: 512) ?? edge.length
    let wanted = try newLength(from: present)
    if wanted <= present, preallocation != .off {
      throw BlockError(.invalidArgument, "Preallocation can only be used for growing images")
    }
    if wanted < present, !mayShrink {
      lacksLeaveToShrink = true
      throw BlockError(.refused, "Use the --shrink option to perform a shrink operation.")
    }
    lengths = (present, wanted)
  }

  /// Sets the length and makes it safe.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let edge = user?.edge else { return }
    let before = edge.length
    if let driver = edge.child.driver as? any ExtendingDriver,
      let limit = driver.lengthWithoutFiles(of: edge.child), lengths.after > limit
    {
      return try extend(edge, driver, from: limit, in: graph)
    }
    let driver = edge.child.driver as? any ExtendingDriver
    let unused = lengths.after < before ? driver?.filesBehind(lengths.after, of: edge.child) ?? [] : []
    try edge.truncate(to: lengths.after, preallocation: preallocation)
    if lengths.after > before { grownFrom = before }
    try edge.flush()
    for path in unused { remove(path) }
  }

  /// Removes a file that the image does not name any more: where that cannot be, it is only in the way of others.
  private func remove(_ path: String) {
    do throws(BlockError) {
      try FilePaths.remove(path)
    } catch {
      leftFiles.append(error.prefixed("'\(path)' is no part of the image any more and stays", naming: path))
    }
  }

  /// Makes the disk longer by files that the image does not have yet.
  private func extend(_ edge: Edge, _ driver: any ExtendingDriver, from limit: UInt64, in graph: Graph)
    throws(BlockError)
  {
    let node = edge.child
    guard case .named(_, let settings, let opener) = image else {
      throw BlockError(
        .unsupported, "the disk needs more files, which are not made for an image that is in use")
    }
    let files = FurtherFiles(of: node.fileName, flags: settings.flags, graph: graph, opener: opener)
    self.files = files
    try driver.makeFiles(for: lengths.after, preallocation, files, of: node)
    if limit > edge.length {
      let before = edge.length
      try edge.truncate(to: limit, preallocation: preallocation)
      grownFrom = before
    }
    try edge.flush()
    try files.publish()
    do throws(BlockError) {
      try driver.nameFiles(for: lengths.after, of: node)
    } catch {
      // The image may name them: they stay where it does not go back to those that it had.
      isUncertain = (try? driver.nameFiles(for: edge.length, of: node)) == nil
      if !isUncertain { files.withdraw() }
      throw error
    }
  }

  /// Cuts the new part off again; a part that was cut off is gone.
  package func abort(in graph: Graph) {
    guard let edge = user?.edge, !isUncertain else { return }
    do throws(BlockError) {
      if let files {
        let driver = edge.child.driver as? any ExtendingDriver
        try driver?.nameFiles(for: edge.length, of: edge.child)
        files.withdraw()
      }
      guard let grownFrom else { return }
      try edge.truncate(to: grownFrom)
      try edge.flush()
    } catch {
      restoreFailure = error
    }
  }

  private func newLength(from present: UInt64) throws(BlockError) -> UInt64 {
    let wanted: UInt64? =
      switch change {
      case .set(let length): length
      case .grow(let difference): present.plus(difference)
      case .shrink(let difference): difference < present ? present - difference : nil
      }
    guard let wanted, wanted > 0, Int64(exactly: wanted) != nil else {
      throw BlockError(.invalidArgument, "New image size must be positive")
    }
    return wanted
  }

  /// Lets go of the image.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    if let restoreFailure {
      warnings.append(restoreFailure.prefixed("'\(image.text)' keeps its new length", naming: image.text))
    }
    warnings += leftFiles
    closeFailure = graph.close(user, named: image.text)
    user = nil
    files?.close()
    files = nil
  }
}
