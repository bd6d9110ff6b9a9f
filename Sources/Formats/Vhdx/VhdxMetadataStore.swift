// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Host

/// The metadata of an open image, in memory as they are in the file, and the parents that they name or have named.
final class VhdxMetadataStore: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, as is what follows.
  private var metadata: VhdxMetadata
  /// The ids by which parents are known, by the names that they have or had.
  private var knownParents: [String: GUID] = [:]

  /// Metadata that are in the file already.
  init(_ metadata: VhdxMetadata) {
    self.metadata = metadata
    if let parent = metadata.parent, let name = parent.names.first, let id = parent.linkages.first {
      knownParents[name] = id
    }
  }

  /// The metadata as they are in the file.
  var current: VhdxMetadata { lock.withLock { metadata } }

  /// Goes on with metadata that are in the file.
  func use(_ next: VhdxMetadata) { lock.withLock { metadata = next } }

  /// Notes the disk's length in bytes, which is in the file.
  func noteLength(_ length: UInt64) { lock.withLock { metadata.diskSize = length } }

  /// Notes what a parent is known by under each of its names.
  func noteParent(_ id: GUID, called names: [String]) {
    lock.withLock {
      for name in names { knownParents[name] = id }
    }
  }

  /// What a parent of that name is known by; of a name that is merely put in the place of another, the parent stays the same.
  func parent(called name: String) -> VhdxParent {
    lock.withLock {
      VhdxParent(
        dataWriteID: knownParents[name] ?? metadata.parent?.linkages.first ?? .none, diskID: metadata.diskID)
    }
  }
}
