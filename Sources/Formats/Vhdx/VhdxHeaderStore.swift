// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The header of an open image, in its two copies: each change writes the one that does not count.
final class VhdxHeaderStore: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while a copy is written.
  private var header: VhdxHeader
  /// The copy that counts.
  private var current: Int
  /// Whether the other one says the same but for its number.
  private var isEven: Bool
  /// Whether the disk's content, or anything, has been announced to change.
  private var announced = (content: false, anything: false)
  /// Whether all that is written leaves the disk's content as it is.
  private var keepsContent = false
  /// The id of the disk's content once it has changed.
  private let freshID = GUID.random()

  /// - Parameters:
  ///   - current: the copy that counts.
  ///   - isEven: whether the other one is valid and says the same.
  init(_ header: VhdxHeader, current: Int, isEven: Bool) {
    self.header = header
    self.current = current
    self.isEven = isEven
  }

  /// The header that counts.
  var present: VhdxHeader { lock.withLock { header } }

  /// The id of the disk's content from the moment on at which it changes.
  var nextDataWriteID: GUID {
    lock.withLock { announced.content || keepsContent ? header.dataWriteID : freshID }
  }

  /// Whether all that is written from here on leaves the disk's content as it is, so that its id stays.
  func keepContent(_ isKept: Bool) { lock.withLock { keepsContent = isKept } }

  /// Lets the image be another one from here on, before its first change: for its children only where the content changes.
  func announce(content: Bool, in file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      let content = content && !keepsContent
      guard !announced.anything || content && !announced.content else { return }
      try write(file) {
        $0.fileWriteID = .random()
        if content { $0.dataWriteID = freshID }
      }
      announced = (announced.content || content, true)
    }
  }

  /// Changes the header; durable on return, with all that was written before.
  func change(in file: Edge, _ edit: (inout VhdxHeader) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in try write(file, edit) }
  }

  private func write(_ file: Edge, _ edit: (inout VhdxHeader) -> Void) throws(BlockError) {
    var next = header
    edit(&next)
    guard next.sequence < .max else {
      throw BlockError(.tooLarge, "the VHDX header has been changed as often as it can be")
    }
    next.sequence += 1
    try file.flush()
    try next.write(to: file, copy: 1 - current)
    try file.flush()
    header = next
    current = 1 - current
    isEven = false
  }

  /// Lets both copies say the same, so that either is as good.
  func even(in file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard !isEven else { return }
      try write(file) { _ in }
      isEven = true
    }
  }
}
