// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The dynamic header of an open image, in memory as it is in the file, and the parents that it names or has named.
final class VpcHeaderStore: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written.
  private var header: VpcHeader
  /// The parent as the image names it. Guarded by `lock`.
  private var reference: ImageReference?
  /// The parents that the image has named while it was open, by name. Guarded by `lock`.
  private var knownParents: [String: VpcParent] = [:]

  /// A header that is in the file already.
  init(_ header: VpcHeader, backing: ImageReference?) {
    self.header = header
    reference = backing
    if let backing { knownParents[backing.name] = VpcParent(id: header.parentID, time: header.parentTime) }
  }

  /// The header as it is in the file.
  var current: VpcHeader { lock.withLock { header } }
  /// The parent as the image names it.
  var backing: ImageReference? { lock.withLock { reference } }

  /// What a parent of that name is known by; of a name that is merely put in the place of another, the parent stays the same.
  func parent(called name: String) -> VpcParent {
    lock.withLock { knownParents[name] ?? VpcParent(id: header.parentID, time: header.parentTime) }
  }

  /// Changes the first sector of the header at an offset of the file with one write; durable.
  func change(at offset: UInt64, in file: Edge, _ edit: (inout VpcHeader) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var next = header
      edit(&next)
      try file.write(at: offset, from: next.bytes.bytes)
      try file.flush()
      header = next
    }
  }

  /// Goes on with a header that has been written elsewhere.
  func use(_ next: VpcHeader) { lock.withLock { header = next } }

  /// Goes on with a header that has been written elsewhere and names another parent, which the user called `name`.
  func use(_ next: VpcHeader, backing: ImageReference?, _ parent: VpcParent, called name: String) {
    lock.withLock {
      header = next
      reference = backing
      if let backing { knownParents[backing.name] = parent }
      knownParents[name] = parent
    }
  }

  /// Notes that the header names no parent any more.
  func dropParent() { lock.withLock { reference = nil } }
}
