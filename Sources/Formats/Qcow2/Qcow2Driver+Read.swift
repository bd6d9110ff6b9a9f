// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// Reading clusters that are compressed or encrypted.
extension Qcow2Driver {
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    if extent.encoding == .encrypted, let location = extent.location {
      return try readEncrypted(from: location, at: offset, into: &buffer, node)
    }
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let inCluster = geometry.offsetInCluster(position)
      let count = min(buffer.byteCount - done, Int(geometry.clusterSize - inCluster))
      var part = buffer.slice(done..<done + count)
      if let entry = try compressedEntry(at: position, node) {
        try read(entry, from: Int(inCluster), guest: position, into: &part, node)
      } else {
        // Somebody wrote over it between the look at the tables and the reading.
        try readAny(at: position, into: &part, node)
      }
      done += count
    }
  }

  /// The entry of the compressed cluster at a guest offset, or nil where it is not compressed any more.
  private func compressedEntry(at offset: UInt64, _ node: Node) throws(BlockError) -> L2Entry? {
    monitor.lock()
    defer { monitor.unlock() }
    guard let place = try place(of: offset, node) else { return nil }
    let buffer = place.slice.buffer
    let entry = entry(buffer.bytes, place)
    return entry.isCompressed ? entry : nil
  }

  /// Reads guest data whatever it is.
  func readAny(at offset: UInt64, into buffer: inout MutableRawSpan, _ node: Node) throws(BlockError) {
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let extent = try extent(at: position, length: UInt64(buffer.byteCount - done), of: node)
      var part = buffer.slice(done..<done + Int(extent.length))
      switch (extent.kind, extent.encoding, extent.location) {
      case (.data, .plain, .some(let location)):
        try dataFile(of: node).read(at: location.offset, into: &part)
      case (.data, _, _):
        try readEncoded(extent, at: position, into: &part, of: node)
      case (.unallocated, _, _):
        if let backing = node.backing { try backing.read(at: position, into: &part) } else { part.fill() }
      case (.zero, _, _):
        part.fill()
      }
      done += Int(extent.length)
    }
  }

  private func read(
    _ entry: L2Entry, from start: Int, guest: UInt64, into buffer: inout MutableRawSpan, _ node: Node
  ) throws(BlockError) {
    let size = Int(geometry.clusterSize)
    let range = start..<start + buffer.byteCount
    if range.count < size, compressed.copyDecoded(entry, range, into: &buffer) { return }
    let decoder = try compressed.takeDecoder()
    defer { compressed.giveBack(decoder) }
    if range.count == size { return try decode(entry, guest: guest, into: &buffer, decoder, node) }
    // While there was none to be had, somebody else may have decoded it.
    if compressed.copyDecoded(entry, range, into: &buffer) { return }
    let ticket = compressed.ticket
    let whole = Buffer(count: size)
    var bytes = whole.mutableBytes
    try decode(entry, guest: guest, into: &bytes, decoder, node)
    buffer.copy(whole.bytes.slice(range))
    compressed.keep(whole, of: entry, ticket: ticket)
  }

  /// Decodes a whole cluster. A descriptor's size is below twice a cluster by its number of bits.
  private func decode(
    _ entry: L2Entry, guest: UInt64, into target: inout MutableRawSpan,
    _ decoder: CompressedClusters.Decoder, _ node: Node
  ) throws(BlockError) {
    let descriptor = CompressedDescriptor(entry, geometry)
    let file = try file(of: node)
    let fileLength = file.length
    guard descriptor.offset < fileLength else {
      throw BlockError(
        .corrupt,
        "compressed cluster at guest offset \(guest) lies past the end of the file (offset \(descriptor.offset))"
      )
    }
    // The last sector may be cut short by the end of the file.
    let count = Int(min(descriptor.size, fileLength - descriptor.offset))
    decoder.makeRoom(count)
    let input = decoder.input
    var room = input.mutableBytes
    var bytes = room.slice(0..<count)
    try file.read(at: descriptor.offset, into: &bytes)
    try inContext("compressed cluster at guest offset \(guest)") { () throws(BlockError) in
      try decoder.decompressor.decompress(input.bytes.slice(0..<count), into: &target)
    }
  }
}
