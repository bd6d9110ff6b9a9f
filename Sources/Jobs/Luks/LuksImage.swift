// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// What tells one LUKS header from another.
struct LuksIdentity: Sendable, Equatable {
  /// The image's id.
  var uuid: String
  /// Bytes in front of the encrypted data: header and keys.
  var payloadOffset: UInt64
  /// Cipher and mode of the encrypted data.
  var cipher: String

  /// Reads it from an open LUKS image.
  init(of node: Node) throws(BlockError) {
    let data = node.driver.formatInformation(of: node)?.specific?.object?["data"]?.object
    guard let uuid = data?["uuid"]?.string, let offset = data?["payload-offset"]?.unsigned else {
      throw BlockError(.invalidArgument, "'\(node.fileName)' has no LUKS header")
    }
    self.uuid = uuid
    payloadOffset = offset
    let names = ["cipher-alg", "cipher-mode", "ivgen-alg"].map { data?[$0]?.string ?? "" }
    cipher = names.joined(separator: "-")
  }
}

/// Opens the LUKS image called `name` without its key, and runs `body` on an edge that reads its file.
func withLuksFile<Result>(
  _ name: ImageName, _ user: RootUser, _ opener: Opener, in graph: Graph,
  _ body: (LuksIdentity, Edge) throws(BlockError) -> Result
) throws(BlockError) -> Result {
  try opener.open(name, OpenSettings(format: "luks", flags: .noIO), for: user)
  guard let node = user.edge?.child, let file = node.file?.child else {
    throw BlockError(.invalidArgument, "'\(name.text)' has no file")
  }
  let reader = graph.makeUser(
    user.parentDescription + ", header", claim: Claim(held: .consistentRead, shared: .all))
  defer { graph.detach(reader) }
  let edge = try graph.attach(reader, to: file)
  return try body(try LuksIdentity(of: node), edge)
}
