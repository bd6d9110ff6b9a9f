// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Crypto
package import Errors
package import Host
internal import LuksFormat
internal import Options

/// Puts the header of a LUKS image, keys included, back from a file that has a copy of it.
///
/// Keys that were added since the copy was made are gone then, and those that were erased work again.
package final class LuksRestoreJob: Job {
  /// `luks header-restore`.
  package let kind = "luks header-restore"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  /// The longest header that is taken, in bytes.
  static let maximumLength: UInt64 = 256 << 20
  private let image: ImageName
  private let backup: ImageName
  private let secrets: [Secret]
  private let force: Bool
  private let opener: Opener
  private var users: [RootUser] = []
  private var target: Edge?
  private var header: Buffer?
  /// The bytes that were there before, where they may have to be put back.
  private var replaced: Buffer?
  private var restoreFailure: BlockError?

  /// - Parameters:
  ///   - secrets: where there are any, one of them has to open the copy.
  ///   - force: whether a damaged copy is written, and one over a header that is not its own.
  package init(
    _ image: ImageName, from backup: ImageName, secrets: [Secret] = [], force: Bool, opener: Opener
  ) {
    self.image = image
    self.backup = backup
    self.secrets = secrets
    self.force = force
    self.opener = opener
  }

  /// Bytes of header and keys that there are: a header that lies apart may end with its last key.
  static func length(of header: LuksHeader, in file: Edge) throws(BlockError) -> Int {
    let length = min(header.length, file.length)
    guard length <= maximumLength else {
      throw BlockError(.tooLarge, "the LUKS header has \(length) bytes")
    }
    return Int(length)
  }

  /// Reads the copy, and looks whether it is whole and belongs to the image.
  ///
  /// - Throws: kind `refused` where it does not seem to.
  package func prepare(in graph: Graph) throws(BlockError) {
    var copied: LuksIdentity?
    var leastLength: UInt64 = 0
    header = try withLuksFile(backup, try makeUser(backup, graph), opener, in: graph) {
      (header: LuksHeader, edge: Edge) throws(BlockError) in
      copied = LuksIdentity(header)
      leastLength = header.leastCopyLength
      if !force { try refuseDamaged(header, edge) }
      return try edge.read(at: 0, count: try LuksRestoreJob.length(of: header, in: edge))
    }
    if !force, let copied { try refuseOther(than: copied, graph) }
    release(graph)
    let writer = graph.makeUser(
      "\(kind): '\(image.text)'", request: PermissionRequest(held: [.consistentRead, .write], shared: []))
    users.append(writer)
    try opener.open(try targetName(), OpenSettings(format: "raw", flags: .writable), for: writer)
    guard let edge = writer.edge, edge.length >= UInt64(header?.count ?? 0) else {
      throw BlockError(.refused, "'\(image.text)' is shorter than the header", naming: image.text)
    }
    if !force { try refuseCut(to: min(leastLength, edge.length)) }
    target = edge
  }

  /// The name of the storage that has the header, of any kind.
  private func targetName() throws(BlockError) -> ImageName {
    var options = try image.luksHeader().options
    options["header-only"] = nil
    options["key-secret"] = nil
    return try ImageName(options: options, text: image.text)
  }

  private func makeUser(_ name: ImageName, _ graph: Graph) throws(BlockError) -> RootUser {
    let user = graph.makeUser(
      "\(kind): '\(name.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    users.append(user)
    return user
  }

  /// Refuses a copy that would not open the image.
  private func refuseDamaged(_ header: LuksHeader, _ edge: Edge) throws(BlockError) {
    let area = EdgeArea(edge: edge)
    do throws(BlockError) {
      try header.requireWhole(in: area)
      var failure: BlockError?
      for secret in secrets {
        do throws(BlockError) {
          _ = try header.unlock(secret, in: area)
          return
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    } catch {
      throw BlockError(
        .refused, "'\(backup.text)' is no copy to rely on: \(error.message)",
        naming: backup.text, hint: LuksRestoreJob.forceHint)
    }
  }

  /// Refuses a copy that lacks a part of the header that it was made from. Where the header's file ends before the room
  /// for keys does, so does its copy.
  private func refuseCut(to length: UInt64) throws(BlockError) {
    let present = UInt64(header?.count ?? 0)
    guard present < length else { return }
    throw BlockError(
      .refused,
      "'\(backup.text)' is no copy to rely on: it ends before the header does, after \(present) of \(length) bytes",
      hint: LuksRestoreJob.forceHint)
  }

  private static let forceHint = "Use --force to replace it all the same."

  private func refuseOther(than copied: LuksIdentity, _ graph: Graph) throws(BlockError) {
    let hint = LuksRestoreJob.forceHint
    let present: LuksIdentity
    do throws(BlockError) {
      present = try withLuksFile(image, try makeUser(image, graph), opener, in: graph) {
        (header: LuksHeader, _: Edge) throws(BlockError) in LuksIdentity(header)
      }
    } catch {
      guard error.kind == .corrupt || error.kind == .unsupported else { throw error }
      throw BlockError(
        .refused, "There is no LUKS header in '\(image.text)' to compare with (\(error.message))",
        naming: image.text, hint: hint)
    }
    guard present.uuid == copied.uuid else {
      throw BlockError(
        .refused,
        "'\(backup.text)' is a copy of another header: its UUID is \(copied.uuid), that of '\(image.text)' is "
          + present.uuid, naming: backup.text, hint: hint)
    }
    guard present.holdsSameKey(as: copied) else {
      throw BlockError(
        .refused,
        "'\(backup.text)' is for another volume key than '\(image.text)', or one of them is damaged",
        naming: backup.text, hint: hint)
    }
    guard present == copied else {
      throw BlockError(
        .refused, "'\(backup.text)' describes encrypted data at another place, or of another cipher",
        naming: backup.text, hint: hint)
    }
  }

  /// Nothing: others see all that there is to do.
  package func run(_ context: JobContext) throws(BlockError) { try context.checkInterrupted() }

  /// Writes the copy over the header.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let target, let header else { return }
    if !isFinal { replaced = try target.read(at: 0, count: header.count) }
    try write(header, to: target)
  }

  /// Writes back what was there.
  package func abort(in graph: Graph) {
    guard let target, let replaced else { return }
    do throws(BlockError) {
      try write(replaced, to: target)
    } catch {
      restoreFailure = error
    }
  }

  /// Keys go first and what tells where they are last, so that a header that was written in part is no valid one that
  /// leads to wrong keys.
  private func write(_ header: Buffer, to target: Edge) throws(BlockError) {
    let start = min(4096, header.count)
    try target.write(at: UInt64(start), from: header.bytes.slice(start..<header.count))
    try target.flush()
    try target.write(at: 0, from: header.bytes.slice(0..<start))
    try target.flush()
  }

  /// Closes everything.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    if let restoreFailure {
      warnings.append(
        restoreFailure.prefixed("'\(image.text)' keeps the header that was put back", naming: image.text))
    }
    (header, replaced) = (nil, nil)
    target = nil
    release(graph)
  }

  private func release(_ graph: Graph) {
    for user in users {
      let failure = graph.close(user, named: image.text)
      closeFailure = closeFailure ?? failure
    }
    users = []
  }
}
