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
      let bitmaps = BitmapsExtension(parsing: data)
    else { return }
    let file = try file(of: node)
    header.autoclear.remove(.bitmaps)
    try writeFeatures(node)
    try file.flush()
    var changed = header
    let directory = try check.brokenBitmaps.map { broken throws(BlockError) in
      try keptDirectory(bitmaps, without: broken, file)
    }
    if let directory, directory.count > 0 {
      try file.write(at: bitmaps.directoryOffset, from: Buffer(directory.bytes).bytes)
      try file.flush()
      let kept = Buffer(data)
      var bytes = kept.mutableBytes
      bytes.storeBig(UInt32(directory.count), at: 0)
      bytes.storeBig(UInt64(directory.bytes.count), at: 8)
      var fields: [UInt8] = []
      for offset in 0..<data.count { fields.append(kept.bytes.byte(at: offset)) }
      changed.set(.bitmaps, fields)
      changed.autoclear.insert(.bitmaps)
    } else {
      changed.set(.bitmaps, nil)
    }
    try replaceHeader(by: changed, node)
  }

  private func keptDirectory(_ bitmaps: BitmapsExtension, without broken: Set<Int>, _ file: Edge)
    throws(BlockError) -> (count: Int, bytes: [UInt8])
  {
    let directory = try file.read(at: bitmaps.directoryOffset, count: Int(bitmaps.directorySize))
    var kept: [UInt8] = []
    var count = 0
    var position = 0
    for index in 0..<Int(bitmaps.count) {
      let entry = try ImageCheck.bitmapEntry(directory.bytes, &position)
      guard !broken.contains(index) else { continue }
      for offset in entry.range { kept.append(directory.bytes.byte(at: offset)) }
      count += 1
    }
    return (count, kept)
  }
}
