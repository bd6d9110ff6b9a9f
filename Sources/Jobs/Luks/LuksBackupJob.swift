// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Crypto
package import Errors
internal import Host

/// Copies the header of a LUKS image, keys included, into a file of its own.
package final class LuksBackupJob: Job {
  /// `luks header-backup`.
  package let kind = "luks header-backup"
  private let image: ImageName
  private let path: String
  private let opener: Opener
  private var user: RootUser?
  private var header: Buffer?
  private var isMade = false

  /// - Parameters:
  ///   - path: the file to make; one that exists is refused.
  package init(_ image: ImageName, to path: String, opener: Opener) {
    self.image = image
    self.path = path
    self.opener = opener
  }

  /// Reads the header.
  package func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser(
      "\(kind): '\(image.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    self.user = user
    header = try withLuksFile(image, user, opener, in: graph) {
      (header: LuksHeader, edge: Edge) throws(BlockError) in
      try edge.read(at: 0, count: try LuksRestoreJob.length(of: header, in: edge))
    }
  }

  /// Nothing: others see all that there is to do.
  package func run(_ context: JobContext) throws(BlockError) { try context.checkInterrupted() }

  /// Makes the file, which its owner alone can read.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let header else { return }
    try inFile(path, "Could not create") { () throws(BlockError) in
      let file = try File(path: path, mode: [.writable, .create, .exclusive, .ownerOnly])
      do throws(BlockError) {
        try file.write(at: 0, from: header.bytes)
        try file.synchronize()
      } catch {
        try? FilePaths.remove(path)
        throw error
      }
      isMade = true
    }
  }

  /// Removes the file again.
  package func abort(in graph: Graph) {
    if isMade { try? FilePaths.remove(path) }
  }

  /// Closes the image.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    header = nil
    guard let user else { return }
    self.user = nil
    try? graph.release(user)
  }
}
