// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Crypto
internal import Errors
internal import Host

/// Between clusters as the guest has them and as the files hold them: compression and encryption.
final class ClusterCodec: @unchecked Sendable {
  let compression: CompressionType
  /// Whether guest data is stored encrypted.
  let isEncrypted: Bool
  let files: FileSpace
  private let geometry: Geometry
  private let decoders: CompressedBlocks<any BlockDecompressor>
  private let lock = ConditionLock()
  /// How guest data is encrypted; nil where it is not.
  private var encryption: ClusterEncryption?

  init(_ header: HeaderStore) {
    compression = CompressionType(rawValue: header.current.compressionType) ?? .zlib
    isEncrypted = header.current.cryptMethod != CryptMethod.none.rawValue
    files = header.files
    geometry = header.geometry
    decoders = CompressedBlocks(blockSize: geometry.clusterSize) { [compression] () throws(BlockError) in
      switch compression {
      case .zlib: Inflater(format: .raw)
      case .zstd: try ZstdDecompressor()
      }
    }
  }

  /// How guest data is encrypted, with what unlocks it.
  var currentEncryption: ClusterEncryption? { lock.withLock { encryption } }
  /// Encrypts and decrypts with what was unlocked.
  func use(_ encryption: ClusterEncryption?) { lock.withLock { self.encryption = encryption } }
  func use(_ header: LuksHeader) { lock.withLock { encryption?.header = header } }

  // MARK: Compression

  /// Forgets decoded content: space of compressed clusters was given back or taken.
  func forget() { decoders.forget() }

  /// A compressor for clusters of this image.
  func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    guard !isEncrypted else {
      throw BlockError(.unsupported, "Compression and encryption not supported at the same time")
    }
    guard !files.hasDataFile else {
      throw BlockError(.unsupported, "Compression is not possible in an image with an external data file")
    }
    switch compression {
    case .zlib: return BlockwiseCompressor(DeflateCompressor(format: .raw))
    case .zstd: return BlockwiseCompressor(try ZstdCompressor())
    }
  }

  /// Reads part of a compressed cluster.
  func read(
    _ entry: L2Entry, from start: Int, guest: UInt64, into buffer: inout MutableRawSpan, _ node: Node
  ) throws(BlockError) {
    try decoders.read(entry.rawValue, start..<start + buffer.byteCount, into: &buffer) {
      (decoder, target) throws(BlockError) in
      try self.decode(entry, guest: guest, into: &target, decoder, node)
    }
  }

  /// Decodes a whole cluster. A descriptor's size is below twice a cluster by its number of bits.
  private func decode(
    _ entry: L2Entry, guest: UInt64, into target: inout MutableRawSpan,
    _ decoder: CompressedBlocks<any BlockDecompressor>.Decoder, _ node: Node
  ) throws(BlockError) {
    let descriptor = CompressedDescriptor(entry, geometry)
    let file = try files.file(of: node)
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
