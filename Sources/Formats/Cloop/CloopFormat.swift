// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Compressed disks of the cloop driver, version 2, read only: a table of offsets, and blocks that are a zlib stream each.
package struct CloopFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `cloop`.
  package var name: String { "cloop" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [CloopDriver.self] }
  /// `create_compressed_fs` makes them.
  package var isReadOnly: Bool { true }

  /// Certain of the script's first lines.
  package func probe(_ input: ProbeInput) -> Recognition? {
    CloopHeader.hasPreamble(input.head.bytes) && input.head.count >= CloopHeader.scriptLength
      ? Recognition(by: "the script at byte 0") : nil
  }

  /// Reads the header, and looks through the table where it is no longer than those of usual disks. Of longer ones, each
  /// part is looked at when it is needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let head = try file.read(at: 0, count: CloopHeader.length)
    let driver = CloopDriver(try CloopHeader(parsing: head.bytes))
    if !request.flags.contains(.checking) { try driver.checkTable(in: file) }
    return OpenedDriver(driver)
  }
}

extension CloopFormat: InspectingKind {
  /// Reads the header, and compares where the table and the last block end with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let head = try file.read(at: 0, count: CloopHeader.length)
    let header = try CloopHeader(parsing: head.bytes)
    var findings = HeaderFindings(virtualSize: header.size)
    findings.details = [HeaderDetail("block-size", .bytes(UInt64(header.blockSize)))]
    guard header.tableEnd <= file.length else {
      findings.defects.append("the table of offsets goes on past the end of the file")
      return findings
    }
    let last = try file.read(at: header.tableEnd - 8, count: 8)
    let end = last.bytes.big64(at: 0)
    if end > file.length {
      findings.defects.append("the last block goes on past the end of the file (offset \(end))")
    }
    return findings
  }
}
