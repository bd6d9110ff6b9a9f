// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// Finding out the format of an image from its content.
extension Opener {
  /// The format whose images look most like the content of `file`.
  ///
  /// - Throws: kind `unsupported` for an image of a format that no driver reads, which is no raw disk.
  func probe(_ file: Node) throws(BlockError) -> (any DriverKind)? {
    let user = graph.makeUser("format probe", claim: Claim(held: .consistentRead, shared: .all))
    defer { graph.detach(user) }
    try graph.attach(user, to: file)
    guard let edge = user.edge else { return nil }
    let head = try inContext("Could not read image for determining its format") { () throws(BlockError) in
      try edge.read(at: 0, count: Int(min(edge.length, UInt64(Signature.headLength))))
    }
    let kind = mostLikelyKind(head.bytes.slice(0..<min(head.bytes.byteCount, Node.probeLength)))
    guard kind == nil || kind?.name == "raw" else { return kind }
    // A disk whose end cannot be read is one all the same.
    let tailLength = min(edge.length, UInt64(Signature.tailLength))
    let tail = (try? edge.read(at: edge.length - tailLength, count: Int(tailLength))) ?? Buffer(count: 0)
    if let sign = Signature.ofImage(in: head.bytes, tail: tail.bytes) { throw unread(sign) }
    return kindByLaterSign(edge) ?? kind
  }

  /// The format of an image whose start is lost.
  private func kindByLaterSign(_ edge: Edge) -> (any DriverKind)? {
    for kind in kinds {
      for sign in kind.laterSigns where sign.offset < edge.length {
        let count = sign.bytes.count
        guard edge.length - sign.offset >= UInt64(count),
          let found = try? edge.read(at: sign.offset, count: count)
        else { continue }
        if found.bytes.bytes(0..<count) == sign.bytes { return kind }
      }
    }
    return nil
  }

  private func mostLikelyKind(_ head: RawSpan) -> (any DriverKind)? {
    var best: (any DriverKind)?
    var bestScore = 0
    for kind in kinds where !kind.isProtocol {
      let score = kind.probe(head)
      if score > bestScore { (best, bestScore) = (kind, score) }
    }
    return best
  }

  private func unread(_ sign: Signature) -> BlockError {
    let what = kind(named: sign.name) == nil ? "which" : "of a version that"
    return BlockError(
      .unsupported, "Image is in \(sign.name) format, \(what) this program does not read",
      advice: "If it is a raw disk that only looks so, say so with the option for its format, such as -f raw."
    )
  }

  /// Whether a file that starts with certain bytes would be taken for an image of some format.
  var disguise: @Sendable (RawSpan) -> Bool {
    let kinds = kinds
    return { head in
      for kind in kinds where kind.name != "raw" && kind.probe(head) > 0 { return true }
      return Signature.ofImage(in: head, tail: head.slice(0..<0)) != nil
    }
  }
}
