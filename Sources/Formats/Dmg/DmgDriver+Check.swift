// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Compression
internal import Errors

extension DmgDriver: CheckingDriver {
  /// Compares the chunks with each other and with the file, decodes all, and compares the checksums.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    var result = CheckResult()
    let file = try node.child(in: .file)
    func note(_ line: String) {
      report("ERROR: \(line)")
      result.corruptions += 1
    }
    context.expect(UInt64(layout.chunks.count) + 1)
    layout.forEachFinding { finding in
      note(finding.text)
      return true
    }
    var buffer = Buffer(count: 0)
    for (index, table) in layout.tables.enumerated() {
      var sum: CRC32? = CRC32()
      for number in table.chunks {
        try context.checkInterrupted()
        let chunk = layout.chunks[number]
        count(chunk, &result)
        // Its content is nobody's, and no part of the table's checksum.
        if chunk.kind == .ignored { continue }
        do throws(BlockError) {
          try forEachPiece(of: number, &buffer, file) { (bytes, zeroes) throws(BlockError) in
            sum?.add(bytes)
            sum?.addZeroes(zeroes)
          }
        } catch {
          sum = nil
          report("ERROR: \(error.message)")
          if error.kind == .corrupt { result.corruptions += 1 } else { result.checkErrors += 1 }
        }
        context.advance(1)
      }
      if let stated = table.checksum, let sum, sum.value != stated {
        note("the checksum of table \(index) is \(sum.value.hexadecimal), should be \(stated.hexadecimal)")
      }
    }
    try checkData(file, context, note)
    context.advance(1)
    result.totalClusters = UInt64(layout.chunks.count)
    result.imageEndOffset = file.length
    return result
  }

  private func count(_ chunk: DmgChunk, _ result: inout CheckResult) {
    guard !chunk.kind.isZero else { return }
    result.allocatedClusters += 1
    if chunk.kind.isCompressed { result.compressedClusters += 1 }
  }

  /// Compares the data fork with its checksum.
  private func checkData(_ file: Edge, _ context: JobContext, _ note: (String) -> Void) throws(BlockError) {
    guard let stated = layout.trailer.dataChecksum else { return }
    let data = layout.trailer.data
    guard data.upperBound <= file.length else {
      return note("the data fork goes on past the end of the file (offset \(data.upperBound))")
    }
    var sum = CRC32()
    try file.forEachPiece(of: data) { (piece: RawSpan) throws(BlockError) in
      try context.checkInterrupted()
      sum.add(piece)
    }
    if sum.value != stated {
      note("the checksum of the data is \(sum.value.hexadecimal), should be \(stated.hexadecimal)")
    }
  }
}

extension UInt32 {
  /// As checksums are written.
  fileprivate var hexadecimal: String {
    let digits = String(self, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}
