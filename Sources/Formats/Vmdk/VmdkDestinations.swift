// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Errors

extension VmdkFormat: DestinedKind {
  /// What is brought in as a file of its own has to be a stream; a host's file system holds flat disks.
  package func creationOptions(for destination: Destination) -> DestinedOptions {
    switch destination {
    case .esxi: DestinedOptions(required: ["subformat": "vmfs"], usual: ["adapter_type": "lsilogic"])
    case .vsphere, .aws, .gcp:
      DestinedOptions(required: ["subformat": "streamOptimized"], usual: ["adapter_type": "lsilogic"])
    case .virtualbox, .azure: DestinedOptions()
    }
  }
}

extension VmdkDriver {
  /// The subformat, and the form of a stream.
  func deviations(from destination: Destination, _ node: Node) throws(BlockError) -> [String] {
    guard let descriptor = descriptor?.current else {
      return ["it is a part of an image, without a descriptor"]
    }
    let type = descriptor.createType
    switch destination {
    case .esxi:
      if descriptor.extents.count == 1, descriptor.extents.allSatisfy({ $0.kind.isFlat || $0.kind == .zero })
      {
        return []
      }
      return [
        "the disk is of subformat '\(type)', which the host does not run: '\(VmdkPlan.Subformat.vmfs)' is one that it does"
      ]
    case .vsphere, .aws, .gcp:
      guard type.lowercased() == VmdkPlan.Subformat.streamOptimized.rawValue.lowercased() else {
        return ["the disk is of subformat '\(type)', not '\(VmdkPlan.Subformat.streamOptimized)'"]
      }
      return try streamDeviations(node)
    case .virtualbox, .azure: return []
    }
  }

  /// Where a stream is not what the specification has ("Stream-Optimized Compressed Sparse Extents").
  private func streamDeviations(_ node: Node) throws(BlockError) -> [String] {
    guard let file = node.file else { return [] }
    let head = try file.read(at: 0, count: SparseHeader.length)
    let header = try SparseHeader(parsing: head.bytes)
    var lines: [String] = []
    if header.version < 3 { lines.append("its header is of version \(header.version), not 3") }
    guard header.directory == SparseHeader.atEnd else {
      return lines + ["its tables stand before the grains, not behind them"]
    }
    // The footer, and the marker of the end, are the last two sectors.
    let length = UInt64(SparseHeader.length)
    let end = file.length
    guard end >= 2 * length, end % length == 0 else {
      return lines + ["the file does not end with the end of the stream"]
    }
    let tail = try file.read(at: end - 2 * length, count: 2 * SparseHeader.length)
    let footer = tail.bytes.slice(0..<SparseHeader.length)
    let marker = tail.bytes.slice(SparseHeader.length..<2 * SparseHeader.length)
    if !SparseHeader.hasMagic(footer) || !marker.isZero {
      lines.append("the file does not end with the end of the stream")
    }
    return lines
  }
}
