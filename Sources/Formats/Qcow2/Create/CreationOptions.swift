// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Options

/// The properties of a new image, read from the creation options.
struct CreationOptions {
  /// 2 or 3.
  var version: UInt32 = 3
  var clusterBits: UInt32 = 16
  var refcountOrder: UInt32 = 4
  var hasExtendedL2 = false
  var hasLazyRefcounts = false
  var compression = CompressionType.zlib
  var preallocation = Preallocation.off
  var backingName: String?
  var backingFormat: String?
  var dataFile: String?
  var isDataFileRaw = false
  /// How guest data is encrypted, if it is.
  var encryption: EncryptionCreation?

  var geometry: Geometry {
    Geometry(clusterBits: clusterBits, hasExtendedL2: hasExtendedL2, refcountOrder: refcountOrder)
  }

  /// Reads and checks the options.
  ///
  /// - Throws: the defect of the options, in `qemu-img`'s words.
  init(_ options: OptionObject) throws(BlockError) {
    var reader = OptionReader(options)
    try readFormat(&reader)
    try readReferences(&reader)
    encryption = try EncryptionCreation(options)
    try check()
  }

  private mutating func readFormat(_ reader: inout OptionReader) throws(BlockError) {
    switch try reader.string("compat") {
    case nil, "1.1", "v3": version = 3
    case "0.10", "v2": version = 2
    case .some(let other):
      throw BlockError(.invalidArgument, "Parameter 'version' does not accept value '\(other)'")
    }
    if let size = try reader.size("cluster_size") {
      let allowed =
        UInt64(1) << UInt64(Qcow2Limits.minimumClusterBits)...1 << UInt64(Qcow2Limits.maximumClusterBits)
      guard size.isPowerOfTwo, allowed.contains(size) else {
        throw BlockError(.invalidArgument, "Cluster size must be a power of two between 512 and 2048k")
      }
      clusterBits = UInt32(size.trailingZeroBitCount)
    }
    preallocation = try reader.choice("preallocation", as: Preallocation.self) ?? .off
    if let type = try reader.string("compression_type") {
      guard let known = CompressionType.allCases.first(where: { $0.name == type }) else {
        throw BlockError(.invalidArgument, "Parameter 'compression-type' does not accept value '\(type)'")
      }
      compression = known
    }
    hasExtendedL2 = try reader.bool("extended_l2") ?? false
    hasLazyRefcounts = try reader.bool("lazy_refcounts") ?? false
    if let bits = try reader.number("refcount_bits") {
      guard bits.isPowerOfTwo, bits <= 64 else {
        throw BlockError(
          .invalidArgument, "Refcount width must be a power of two and may not exceed 64 bits")
      }
      refcountOrder = UInt32(bits.trailingZeroBitCount)
    }
  }

  private mutating func readReferences(_ reader: inout OptionReader) throws(BlockError) {
    backingName = try reader.string("backing_file")
    backingFormat = try reader.string("backing_fmt")
    dataFile = try reader.string("data_file")
    isDataFileRaw = try reader.bool("data_file_raw") ?? false
  }

  // MARK: Combinations

  private func check() throws(BlockError) {
    if version < 3 { try checkVersion2() }
    if hasExtendedL2, geometry.subclusterSize < 512 {
      throw BlockError(
        .invalidArgument, "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes")
    }
    if preallocation != .off, backingName != nil, !hasExtendedL2 {
      throw BlockError(
        .invalidArgument,
        "Backing file and preallocation can only be used at the same time if extended_l2 is on")
    }
    if isDataFileRaw {
      guard dataFile != nil else { throw BlockError(.invalidArgument, "data-file-raw requires data-file") }
      guard backingName == nil else {
        throw BlockError(.invalidArgument, "Backing file and data-file-raw cannot be used at the same time")
      }
    }
    try checkBacking()
  }

  private func checkBacking() throws(BlockError) {
    guard let backingName else {
      if backingFormat != nil {
        throw BlockError(.invalidArgument, "Backing format cannot be used without backing file")
      }
      return
    }
    guard backingName.spelledCount <= Int(Qcow2Limits.backingNameBytes) else {
      throw BlockError(.invalidArgument, "Backing file name too long")
    }
    if let backingFormat, backingFormat.spelledCount >= 16 {
      throw BlockError(.invalidArgument, "Backing file format name too long")
    }
  }

  private func checkVersion2() throws(BlockError) {
    if encryption != nil, preallocation != .off {
      // Clusters that are allocated and not written have to read as zeros, which version 2 cannot say.
      throw BlockError(
        .unsupported, "Preallocation of encrypted images requires compatibility level 1.1 or above")
    }
    let newer = "supported with compatibility level 1.1 and above (use version=v3 or greater)"
    if dataFile != nil { throw BlockError(.invalidArgument, "External data files are only " + newer) }
    if hasLazyRefcounts { throw BlockError(.invalidArgument, "Lazy refcounts only " + newer) }
    if hasExtendedL2 { throw BlockError(.invalidArgument, "Extended L2 entries are only " + newer) }
    if refcountOrder != 4 {
      throw BlockError(
        .invalidArgument,
        "Different refcount widths than 16 bits require compatibility level 1.1 or above "
          + "(use version=v3 or greater)")
    }
    if compression != .zlib {
      throw BlockError(.invalidArgument, "Non-zlib compression type is only " + newer)
    }
  }

  /// The options that `create` accepts, in the order in which its summary shows them.
  static let list = OptionList(
    [
      OptionSpec(
        "encryption", .bool,
        "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"),
      OptionSpec(
        "encrypt.format", .string, "Encrypt the image, format choices: 'aes', 'luks'",
        values: ["aes", "luks"]),
      OptionSpec("encrypt.key-secret", .string, "ID of secret providing qcow AES key or LUKS passphrase"),
    ] + LuksCreation.cipherOptions("encrypt.") + [
      OptionSpec(
        "cluster_size", .size, "qcow2 cluster size", default: 65536,
        values: SizeText.powersOfTwo(Qcow2Limits.minimumClusterBits...Qcow2Limits.maximumClusterBits)),
      OptionSpec("extended_l2", .bool, "Extended L2 tables", default: false),
      OptionSpec(
        "preallocation", .string, "Preallocation mode (allowed values: off, metadata, falloc, full)",
        values: Preallocation.allCases.map(\.rawValue)),
      OptionSpec(
        "compression_type", .string, "Compression method used for image cluster compression", default: "zlib",
        values: CompressionType.allCases.map(\.name)),
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec(
        "compat", .string, "Compatibility level (v2 [0.10] or v3 [1.1])", values: ["1.1", "0.10", "v3", "v2"]),
      OptionSpec("backing_file", .string, "File name of a base image"),
      OptionSpec("backing_fmt", .string, "Image format of the base image"),
      OptionSpec("data_file", .string, "File name of an external data file"),
      OptionSpec("data_file_raw", .bool, "The external data file must stay valid as a raw image"),
      OptionSpec("lazy_refcounts", .bool, "Postpone refcount updates", default: false),
      OptionSpec(
        "refcount_bits", .number, "Width of a reference count entry in bits", default: 16,
        values: (0...6).map { String(1 << $0) }),
    ])
}
