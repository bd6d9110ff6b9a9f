// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Clusters that have a place, but were never written, as after their metadata alone was preallocated.
extension Qcow2Driver {
  /// Whether it is worth asking the file for holes in clusters that are in use. Looked at once.
  func mayHaveHoles(of node: Node) -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    if let known = hasUnwrittenClusters { return known }
    let answer = (try? lacksClusters(node)) ?? true
    hasUnwrittenClusters = answer
    return answer
  }

  /// Whether the file system holds fewer clusters than are counted: a tenth of them is missing, and at least two. Small
  /// holes do not matter, as the peer sees it.
  private func lacksClusters(_ node: Node) throws(BlockError) -> Bool {
    let file = try file(of: node)
    guard let allocated = file.child.allocatedLength else { return true }
    let held = allocated >> geometry.clusterBits
    let enough = max((held.times(10) ?? .max) / 9, held + 2)
    let end = geometry.clusters(covering: file.length)
    var cluster: UInt64 = 0
    var counted: UInt64 = 0
    while counted < enough, cluster < end, end - cluster >= enough - counted {
      guard let free = try freeRun(from: cluster, limit: end - cluster, node) else {
        cluster = (cluster >> geometry.refcountBlockBits + 1) << geometry.refcountBlockBits
        continue
      }
      let used = free > 0 ? 0 : UInt64(try usedRun(from: cluster, node) ?? 0)
      counted += used
      cluster += UInt64(free) + used
    }
    return counted >= enough
  }
}
