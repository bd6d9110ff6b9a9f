// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// The footers that a file has: at its end, and a copy at its start where it has a table.
struct VpcFooters {
  /// The copy at the start, if it is whole.
  let front: VpcFooter?
  /// The footer at the end, if it is whole.
  let tail: VpcFooter?
  /// Bytes of the footer at the end: 512, or 511 as the first programs wrote it; 0 for none.
  let tailLength: UInt64
  /// Whether the start looks like a copy, whole or not.
  let hasFrontCookie: Bool
  /// Whether the end looks like a footer, whole or not.
  let hasTailCookie: Bool
  private let fileLength: UInt64

  /// Looks at a file of so many bytes.
  ///
  /// - Parameter read: gives bytes inside the file.
  init<Failure: Error>(
    fileLength: UInt64, _ read: (UInt64, Int) throws(Failure) -> Buffer
  ) throws(Failure) {
    self.fileLength = fileLength
    let length = UInt64(VpcFooter.length)
    guard fileLength >= length - 1 else {
      (front, tail, tailLength, hasFrontCookie, hasTailCookie) = (nil, nil, 0, false, false)
      return
    }
    let head = try read(0, Int(min(fileLength, length)))
    hasFrontCookie = VpcFooter.hasCookie(head.bytes)
    front = VpcFooter(parsing: head.bytes)
    var (tail, tailLength, hasTailCookie) = (nil as VpcFooter?, 0 as UInt64, false)
    for count in [length, length - 1] where tail == nil && fileLength >= count {
      let end = try read(fileLength - count, Int(count))
      guard VpcFooter.hasCookie(end.bytes) else { continue }
      hasTailCookie = true
      tail = VpcFooter(parsing: end.bytes)
      if tail != nil { tailLength = count }
    }
    (self.tail, self.tailLength, self.hasTailCookie) = (tail, tailLength, hasTailCookie)
  }

  /// The footer that counts. The one at the end of a fixed disk does before anything that its first sector may look like;
  /// of two that are whole in a file with a table, the copy at the start, which a change of both writes last.
  ///
  /// - Throws: kind `invalidArgument` or `corrupt`, in `qemu-img`'s words.
  func chosen() throws(BlockError) -> (footer: VpcFooter, kind: VpcFooter.Kind) {
    if let tail, tail.kind == .fixed {
      guard tail.currentSize <= VpcFooter.largestFixedDisk else {
        throw BlockError(.tooLarge, "the disk of \(tail.currentSize) bytes is longer than a file can be")
      }
      return (tail, .fixed)
    }
    guard let footer = front ?? tail else {
      guard hasFrontCookie || hasTailCookie else { throw BlockError(.invalidArgument, "invalid VPC image") }
      throw BlockError(
        .corrupt, "Incorrect header checksum",
        advice: "Neither the footer at the end of the file nor its copy at the start is whole.")
    }
    guard footer.version >> 16 == 1 else {
      throw BlockError(
        .unsupported,
        "unsupported VHD image (version \(footer.version >> 16).\(footer.version & 0xffff))")
    }
    guard let kind = footer.kind, kind != .fixed else {
      throw BlockError(.unsupported, "unsupported VHD image (disk type \(footer.kindNumber))")
    }
    guard footer.currentSize <= VpcFooter.largestDisk else {
      throw BlockError(
        .tooLarge,
        "the disk of \(footer.currentSize) bytes is longer than a VHD's can be (\(VpcFooter.largestDisk))")
    }
    guard footer.dataOffset >= UInt64(VpcFooter.length), footer.dataOffset < fileLength else {
      throw BlockError(
        .corrupt, "the dynamic header (offset \(footer.dataOffset)) lies outside the file or on its footer")
    }
    return (footer, kind)
  }

  /// Whether both footers of a file are whole and say different things. Of the same image, the one at the end has yet to
  /// follow: a change of both was interrupted, and every program that goes by the copy at the start reads what it was, or
  /// what it became.
  var isUneven: Bool {
    guard let front, let tail else { return false }
    return front.bytes.array != tail.bytes.array
  }

  /// What is wrong with the footers of an image that can be opened, in words.
  func defects(_ kind: VpcFooter.Kind) -> [String] {
    var defects: [String] = []
    guard kind != .fixed else { return defects }
    if front == nil { defects.append("the copy of the footer at the start of the file is not whole") }
    if tail == nil {
      defects.append("the footer at the end of the file is not whole")
    } else if tailLength < UInt64(VpcFooter.length) {
      defects.append("the footer at the end of the file is one byte short")
    }
    if isUneven, front?.id != tail?.id {
      defects.append("the footer at the end of the file and its copy at the start are not the same")
    }
    return defects
  }
}

/// The footer of an open image, which owns both of its places in the file.
final class VpcFooterStore: BlockTableTrailer, @unchecked Sendable {
  private let lock = ConditionLock()
  private var footer: VpcFooter
  /// Where the footer at the end stands; nil where there is none.
  private var tailOffset: UInt64?
  /// Whether the copy at the start says the same.
  private var isFrontEven: Bool
  /// Whether the one at the end says the same, if there is one.
  private var isTailEven: Bool

  var length: UInt64 { UInt64(VpcFooter.length) }

  /// The footers of a file, of which `footer` counts; the one at the end stands at `tailOffset`.
  init(_ footer: VpcFooter, of found: VpcFooters, tailOffset: UInt64?) {
    self.footer = footer
    self.tailOffset = tailOffset
    isFrontEven = found.front != nil
    isTailEven = !found.isUneven
  }

  /// The footer as the file has it.
  var current: VpcFooter { lock.withLock { footer } }
  /// Where the footer at the end stands; nil where there is none.
  var tail: UInt64? { lock.withLock { tailOffset } }
  /// Whether the footer at the end has yet to follow the copy at the start.
  var isUneven: Bool { lock.withLock { !isTailEven } }

  /// Writes the footer that stands at the end.
  func write(at offset: UInt64, to file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      try file.write(at: offset, from: footer.bytes.bytes)
      (tailOffset, isTailEven) = (offset, true)
    }
  }

  /// Lets both footers say what counts, where they do not; durable.
  func even(in file: Edge) throws(BlockError) {
    guard !lock.withLock({ isFrontEven && isTailEven }) else { return }
    try change(in: file) { _ in }
  }

  /// Changes the only footer of a fixed disk where it stands, with one write; durable.
  func changeOnly(in file: Edge, _ edit: (inout VpcFooter) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard let tailOffset else { return }
      var next = footer
      edit(&next)
      try file.write(at: tailOffset, from: next.bytes.bytes)
      try file.flush()
      footer = next
    }
  }

  /// Changes both footers; durable. The copy at the start is what counts, so that it is written last, unless the disk
  /// becomes shorter: then the entries of the table behind its end mean nothing from the first write on.
  func change(in file: Edge, isShorter: Bool = false, _ edit: (inout VpcFooter) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var next = footer
      edit(&next)
      for place in isShorter ? [0, tailOffset] : [tailOffset, 0] {
        guard let place else { continue }
        try file.write(at: place, from: next.bytes.bytes)
        try file.flush()
      }
      footer = next
      (isFrontEven, isTailEven) = (true, true)
    }
  }
}
