// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// Finding out the format of an image from its content.
extension Opener {
  /// The format whose images look most like the content of `file`.
  ///
  /// - Throws: kind `unsupported` for an image of a format that no driver reads, which is no raw disk.
  func probe(_ file: Node) throws(BlockError) -> (any DriverKind)? {
    let user = graph.makeUser("format probe", request: PermissionRequest(held: .consistentRead, shared: .all))
    defer { graph.detach(user) }
    try graph.attach(user, to: file)
    guard let edge = user.edge else { return nil }
    let reading = "Could not read image for determining its format"
    let input = try inContext(reading) { () throws(BlockError) in
      try ProbeInput(length: edge.length, name: file.fileName) { (offset, count) throws(BlockError) in
        try edge.read(at: offset, count: count)
      }
    }
    let found = kinds.recognize(input)
    let score = found?.recognition.score ?? 0
    let tail = input.tail.bytes
    if score < Recognition.certain,
      let sign = Signature.ofImage(
        in: input.head.bytes, tail: tail.slice(0..<(score < Recognition.tail ? tail.byteCount : 0)),
        length: input.length)
    {
      throw unread(sign)
    }
    if found?.recognition.score ?? 0 < Recognition.certain, ApplianceHead.isDamagedArchive(input.head.bytes) {
      throw BlockError(
        .corrupt, "Image is an appliance whose first header is damaged",
        advice:
          "-f ova tells what is wrong. If it is a raw disk that only looks so, say so with the option for its format, "
          + "such as -f raw.")
    }
    // A folder that is an image is no raw disk, whatever became of its description.
    if score < Recognition.tail, let kind = kinds.folder(describedBy: file.fileName) { return kind }
    // What tells the format may stand where nothing can be read.
    if score < Recognition.tail, let failure = input.tailFailure as? BlockError {
      throw failure.prefixed(reading).advising(
        "The end of the image cannot be read. If it is a raw disk, say so with the option for its format, such as -f raw."
      )
    }
    return found?.kind
  }

  private func unread(_ sign: Signature) -> BlockError {
    let isKnown = kind(named: sign.name) != nil
    let first = isKnown ? "-f \(sign.name) tells what of it is not read. " : ""
    return BlockError(
      .unsupported,
      "Image is in \(sign.name) format, \(isKnown ? "of a version that" : "which") this program does not read",
      advice:
        "\(first)If it is a raw disk that only looks so, say so with the option for its format, such as -f raw."
    )
  }

  /// Whether a file that starts with certain bytes would be taken for an image of some format.
  var looksLikeImage: @Sendable (RawSpan) -> Bool {
    let kinds = kinds
    return { head in
      let input = ProbeInput(head: Buffer(copying: head), length: UInt64(head.byteCount), name: "")
      if let found = kinds.recognize(input), !found.kind.isPlain { return true }
      if ApplianceHead.mayBeArchive(head) { return true }
      return Signature.ofImage(in: head, tail: head.slice(0..<0), length: input.length) != nil
    }
  }
}

extension [any DriverKind] {
  /// The format of which an image is the folder that a file stands in, by the file's name.
  package func folder(describedBy path: String) -> (any DriverKind)? {
    let name = FilePaths.name(of: path)
    return first { $0.folderEntry == name }
  }
}
