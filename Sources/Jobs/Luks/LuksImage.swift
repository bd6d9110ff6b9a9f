// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Crypto
package import Errors
internal import LuksFormat
internal import Options

/// The properties that tell one LUKS header from another.
struct LuksIdentity: Sendable, Equatable {
  /// The image's id.
  var uuid: String
  /// Where the encrypted data starts, in bytes.
  var payloadOffset: UInt64
  /// Cipher and mode of the encrypted data.
  var cipher: String
  private let keyDigest: VolumeKeyDigest

  /// Whether both are for the same volume key.
  func holdsSameKey(as other: LuksIdentity) -> Bool { keyDigest == other.keyDigest }

  init(_ header: LuksHeader) {
    uuid = header.uuid
    payloadOffset = header.payloadOffset
    cipher = "\(header.cipher)-\(header.mode)-\(header.keyBytes)"
    keyDigest = header.digest
  }
}

extension ImageName {
  /// The name of what has the LUKS header of this image, to work with the header alone: of the image's file, or of
  /// the header's where that lies apart.
  package func luksHeader() throws(BlockError) -> ImageName {
    var options = options
    if let header = options["header"]?.object {
      let secret = options["key-secret"]
      options = ["file": .object(header)]
      options["key-secret"] = secret
    }
    options["header-only"] = true
    return try ImageName(options: options, text: text)
  }
}

/// Opens the header of the LUKS image called `name` without a key, and runs `body` on an edge that reads its file.
func withLuksFile<Result>(
  _ name: ImageName, _ user: RootUser, _ opener: Opener, in graph: Graph,
  _ body: (LuksHeader, Edge) throws(BlockError) -> Result
) throws(BlockError) -> Result {
  try opener.open(name.luksHeader(), OpenSettings(format: "luks", flags: .noIO), for: user)
  guard let node = user.edge?.child, let file = node.file?.child else {
    throw BlockError(.invalidArgument, "'\(name.text)' has no file", naming: name.text)
  }
  let reader = graph.makeUser(
    user.parentDescription + ", header", request: PermissionRequest(held: .consistentRead, shared: .all))
  defer { graph.detach(reader) }
  let edge = try graph.attach(reader, to: file)
  return try about(name.text) { () throws(BlockError) in
    try body(try LuksHeader(in: EdgeArea(edge: edge), isDetached: true), edge)
  }
}
