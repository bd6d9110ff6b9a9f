// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Compression

/// Makes disk images of Apple's: of tables in any order, of chunks stored in any way, with any defect.
package struct DmgSample {
  /// The ways in which chunks are stored, by the numbers that the format has.
  package enum Kind: UInt32, Sendable, CaseIterable {
    case zero = 0
    case raw = 1
    case ignored = 2
    case adc = 0x8000_0004
    case zlib = 0x8000_0005
    case bzip2 = 0x8000_0006
    case lzfse = 0x8000_0007
    case xz = 0x8000_0008
    case comment = 0x7FFF_FFFE
    case end = 0xFFFF_FFFF

    /// A chunk's bytes as they are stored.
    package func stored(_ content: [UInt8]) -> [UInt8] {
      switch self {
      case .zero, .ignored, .comment, .end: []
      case .raw: content
      case .adc: Compressors.adc(content)
      case .zlib: CloopSample.deflated(content)
      case .bzip2: Compressors.bzip2(content)
      case .lzfse: Compressors.lzfse(content)
      case .xz: Compressors.xz(content)
      }
    }
  }

  /// A chunk.
  package struct Chunk {
    /// Its number in the format.
    package var type: UInt32
    /// Its first sector, counted from its table's.
    package var sector: UInt64
    /// How many sectors it has.
    package var sectors: UInt64
    /// Its bytes as they are stored.
    package var stored: [UInt8]
    /// Bytes of the data fork in front of it that nothing has.
    package var lead = 0
    /// What its entry says of its place in the data fork; nil for the truth.
    package var offset: UInt64?
    /// What its entry says of its length; nil for the truth.
    package var length: UInt64?

    /// A chunk of a kind with content, which is a number of whole sectors, from a sector of its table on.
    package init(_ kind: Kind, at sector: UInt64, _ content: [UInt8]) {
      type = kind.rawValue
      self.sector = sector
      sectors = UInt64(content.count / 512)
      stored = kind.stored(content)
    }
  }

  /// A table.
  package struct Table {
    /// The first of its sectors.
    package var sector: UInt64
    /// Its chunks, in its order.
    package var chunks: [Chunk]
    /// What it says of its entries; nil for the truth.
    package var count: UInt32?
    /// Its CRC-32; nil for none.
    package var checksum: UInt32?

    /// A table of chunks.
    package init(at sector: UInt64 = 0, _ chunks: [Chunk], checksum: UInt32? = nil) {
      self.sector = sector
      self.chunks = chunks
      self.checksum = checksum
    }
  }

  /// The tables, in the order of the file.
  package var tables: [Table]
  /// Sectors of the disk; nil for as many as the chunks have.
  package var sectorCount: UInt64?
  /// Bytes in front of the data fork.
  package var lead = 0
  /// Bytes behind the trailer.
  package var trail = 0
  /// Whether the tables stand in a resource fork.
  package var hasFork = false
  /// Whether the data fork has a checksum.
  package var hasChecksum = true
  /// Text in front of the tables' elements in the property list.
  package var note = ""
  /// Characters of base64 in a line; 0 for one line.
  package var lineLength = 0

  /// An image of tables.
  package init(_ tables: [Table]) { self.tables = tables }

  /// An image of a disk whose chunks have so many bytes each and are stored in the ways given, in turn.
  package init(of disk: [UInt8], chunk: Int, _ kinds: [Kind], ends: Bool = true) {
    var chunks: [Chunk] = []
    for (index, start) in stride(from: 0, to: disk.count, by: chunk).enumerated() {
      let content = Array(disk[start..<min(start + chunk, disk.count)])
      chunks.append(Chunk(kinds[index % kinds.count], at: UInt64(start / 512), content))
    }
    if ends { chunks.append(Chunk(.end, at: UInt64(disk.count / 512), [])) }
    tables = [Table(chunks)]
    sectorCount = UInt64(disk.count / 512)
  }

  /// Bytes of the data fork, and the tables that lead there.
  private func parts() -> (data: [UInt8], tables: [[UInt8]]) {
    var data: [UInt8] = []
    var found: [[UInt8]] = []
    for table in tables {
      var entries: [UInt8] = []
      for chunk in table.chunks {
        data += [UInt8](repeating: 0xDD, count: chunk.lead)
        entries += big(chunk.type, 0)
        entries += wide(
          chunk.sector, chunk.sectors, chunk.offset ?? UInt64(data.count),
          chunk.length ?? UInt64(chunk.stored.count))
        data += chunk.stored
      }
      let sectors = table.chunks.map { $0.sector &+ $0.sectors }.max() ?? 0
      var bytes = Array("mish".utf8) + big(1) + wide(table.sector, sectors, 0) + big(520, 0)
      bytes += [UInt8](repeating: 0, count: 24) + checksum(table.checksum)
      bytes += big(table.count ?? UInt32(table.chunks.count))
      found.append(bytes + entries)
    }
    return (data, found)
  }

  /// The whole file.
  package var bytes: [UInt8] {
    let (data, tables) = parts()
    let resources = hasFork ? fork(tables) : propertyList(tables)
    var file = [UInt8](repeating: 0xCC, count: lead) + data
    let place = UInt64(file.count)
    file += resources
    var sum = CRC32()
    sum.add(Buffer(data).bytes)
    var ends: [UInt64] = []
    for table in self.tables {
      for chunk in table.chunks { ends.append(table.sector &+ chunk.sector &+ chunk.sectors) }
    }
    let here = wide(place, UInt64(resources.count))
    var trailer = Array("koly".utf8) + big(4, 512, 1) + wide(0, UInt64(lead), UInt64(data.count))
    trailer += (hasFork ? here : wide(0, 0)) + big(1, 1) + [UInt8](repeating: 0, count: 16)
    trailer += checksum(hasChecksum ? sum.value : nil)
    trailer += (hasFork ? wide(0, 0) : here) + [UInt8](repeating: 0, count: 120)
    trailer += checksum(nil) + big(1) + wide(sectorCount ?? ends.max() ?? 0)
    trailer += [UInt8](repeating: 0, count: 512 - trailer.count)
    return file + trailer + [UInt8](repeating: 0, count: trail)
  }

  private func propertyList(_ tables: [[UInt8]]) -> [UInt8] {
    var text = """
      <?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
      <plist version="1.0"><dict><key>resource-fork</key><dict><key>blkx</key><array>\(note)

      """
    for (index, table) in tables.enumerated() {
      text += "<dict><key>Data</key><data>\(base64(table))</data><key>ID</key><string>\(index)</string>"
      text += "<key>Name</key><string>table \(index)</string></dict>\n"
    }
    return Array((text + "</array></dict></dict></plist>\n").utf8)
  }

  private func fork(_ tables: [[UInt8]]) -> [UInt8] {
    var data: [UInt8] = []
    // What is no table is passed over.
    for resource in [Array("what is no table".utf8)] + tables {
      data += big(UInt32(resource.count)) + resource
    }
    let head = big(256, UInt32(256 + data.count), UInt32(data.count), 28)
    return head + [UInt8](repeating: 0, count: 240) + data + [UInt8](repeating: 0, count: 28)
  }

  private func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    var column = 0
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = (0..<3).map { start + $0 < bytes.count ? Int(bytes[start + $0]) : 0 }
      let value = group[0] << 16 | group[1] << 8 | group[2]
      for part in 0..<4 {
        text.append(start + part > bytes.count ? "=" : letters[value >> (18 - part * 6) & 63])
        column += 1
        if lineLength > 0, column % lineLength == 0 { text += "\n\t" }
      }
    }
    return text
  }

  private func checksum(_ value: UInt32?) -> [UInt8] {
    (value.map { big(2, 32, $0) } ?? big(0, 0, 0)) + [UInt8](repeating: 0, count: 124)
  }

  private func big(_ values: UInt32...) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - $0 * 8)) } }
  }

  private func wide(_ values: UInt64...) -> [UInt8] {
    values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - $0 * 8)) } }
  }
}
