// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Taking bitmaps that contradict something out of the directory.
extension BitmapStore {
  /// Leaves only the bitmaps that a check found whole.
  ///
  /// The feature bit is away while the directory changes: then all bitmaps count as lost, at worst.
  func dropBroken(_ check: ImageCheck, _ held: borrowing Held) throws(BlockError) {
    guard check.bitmaps.broken?.isEmpty != true, let data = header.current.first(.bitmaps)?.data,
      let place = BitmapsExtension(parsing: data)?.directoryOffset
    else { return }
    let file = try files.file(held)
    try header.setFeatures(held) { $0.autoclear.remove(.bitmaps) }
    try file.flush()
    var changed = header.current
    let kept = try check.bitmaps.broken.map { broken throws(BlockError) in
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
    try header.replace(by: changed, held)
    guard let kept, !kept.isEmpty else { return adopt(.none) }
    adopt(.present(BitmapDirectory(kept, at: place)))
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
