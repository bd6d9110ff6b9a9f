// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Takes bitmaps that contradict something out of the directory. The monitor is held.
extension Qcow2Driver {
  /// Leaves only the bitmaps that a check found whole.
  ///
  /// The feature bit is away while the directory changes: then all bitmaps count as lost, at worst.
  func dropBrokenBitmaps(_ check: ImageCheck, _ node: Node) throws(BlockError) {
    guard check.brokenBitmaps?.isEmpty != true, let data = header.first(.bitmaps)?.data,
      let place = BitmapsExtension(parsing: data)?.directoryOffset
    else { return }
    let file = try file(of: node)
    header.autoclear.remove(.bitmaps)
    try writeFeatures(node)
    try file.flush()
    var changed = header
    let kept = try check.brokenBitmaps.map { broken throws(BlockError) in
      try keptEntries(data, without: broken, file)
    }
    if let kept, !kept.isEmpty {
      try file.write(at: place, from: BitmapDirectory.bytes(of: kept).bytes)
      try file.flush()
      changed.set(.bitmaps, BitmapsExtension(kept, at: place).data)
      changed.autoclear.insert(.bitmaps)
    } else {
      changed.set(.bitmaps, nil)
    }
    try replaceHeader(by: changed, node)
    guard let kept, !kept.isEmpty else { return bitmaps = BitmapStore(.none) }
    bitmaps = BitmapStore(.present(BitmapDirectory(kept, at: place)))
  }

  private func keptEntries(_ data: [UInt8], without broken: Set<Int>, _ file: Edge) throws(BlockError)
    -> [BitmapEntry]
  {
    let directory = try BitmapDirectory(try BitmapsExtension(checking: data, geometry), from: file)
    var kept: [BitmapEntry] = []
    for (index, entry) in directory.entries.enumerated() where !broken.contains(index) { kept.append(entry) }
    return kept
  }
}
