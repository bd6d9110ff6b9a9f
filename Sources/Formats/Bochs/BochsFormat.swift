// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors

/// Growing disks of Bochs, read only: a catalog of extents, each with a bitmap of its sectors.
package struct BochsFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `bochs`.
  package var name: String { "bochs" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [BochsDriver.self] }
  /// `bximage` makes and changes them.
  package var isReadOnly: Bool { true }

  /// Certain of the three names and a version that is known. What holds changes of another disk is not recognized.
  package func probe(_ input: ProbeInput) -> Recognition? {
    BochsHeader.isKnown(input.head.bytes) ? Recognition(by: "the names and the version at byte 0") : nil
  }

  /// Reads the header; the catalog is read when it is needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let head = try request.file().read(at: 0, count: BochsHeader.length)
    return OpenedDriver(BochsDriver(try BochsHeader(parsing: head.bytes)))
  }
}

extension BochsFormat: InspectingKind {
  /// Reads the header, and compares where the catalog ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let head = try file.read(at: 0, count: BochsHeader.length)
    let header = try BochsHeader(parsing: head.bytes)
    var findings = HeaderFindings(virtualSize: header.size)
    findings.details = [HeaderDetail("extent-size", .bytes(UInt64(header.extentSize)))]
    if header.areaOffset > file.length {
      findings.defects.append("the catalog (offset \(BochsHeader.length)) goes on past the end of the file")
    }
    if header.statedSize != header.size {
      findings.remarks.append("the last \(header.statedSize - header.size) bytes are no whole sector")
    }
    return findings
  }
}

/// An open image.
final class BochsDriver: BlockTableReader, ReadOnlyDriver {
  let name = "bochs"
  let table: BlockTable

  init(_ header: BochsHeader) { table = BlockTable(header.layout, header.coding) }

  /// Sectors without a bit are zeros.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = try table.extent(at: offset, length: length, of: node)
    if extent.kind == .unallocated { extent.kind = .zero }
    return extent
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    return information
  }
}
