// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The changes that `amend` makes to an image, checked against its present state.
struct AmendPlan {
  /// 2 or 3.
  var version: UInt32
  var refcountOrder: UInt32
  var hasLazyRefcounts: Bool
  /// Another length of the guest's disk in bytes.
  var length: UInt64?
  /// Another name of the data file; empty for none.
  var dataFile: String?
  /// Whether the data file need not be a raw image by itself any more.
  var freesDataFile = false
  /// Whether keys of the encryption header come or go.
  var changesKeys = false

  /// Reads and checks the options; nothing is changed when one of them cannot be.
  ///
  /// - Throws: the defect of the options, in `qemu-img`'s words.
  init(_ options: OptionObject, _ header: Header, snapshots: [SnapshotEntry]) throws(BlockError) {
    version = header.version
    refcountOrder = header.refcountOrder
    hasLazyRefcounts = header.compatible.contains(.lazyRefcounts)
    var reader = OptionReader(options)
    changesKeys = options.keys.contains { $0 == "encrypt" || $0.hasPrefix("encrypt.") }
    if changesKeys, header.cryptMethod == CryptMethod.none.rawValue {
      throw BlockError(.invalidArgument, "Can't amend encryption options - encryption not present")
    }
    if changesKeys, header.cryptMethod != CryptMethod.luks.rawValue {
      throw BlockError(
        .unsupported, "Only LUKS encryption options can be amended")
    }
    try readVersion(&reader)
    try readRefcounts(&reader)
    try readReferences(&reader, header)
    try readLength(&reader)
    if version < 3 { try checkDowngrade(header, snapshots) }
  }

  private mutating func readVersion(_ reader: inout OptionReader) throws(BlockError) {
    switch try reader.string("compat") {
    case nil: break
    case "0.10", "v2": version = 2
    case "1.1", "v3": version = 3
    case .some(let other): throw BlockError(.invalidArgument, "Unknown compatibility level \(other)")
    }
  }

  private mutating func readRefcounts(_ reader: inout OptionReader) throws(BlockError) {
    if let bits = try reader.number("refcount_bits") {
      guard bits.isPowerOfTwo, bits <= 64 else {
        throw BlockError(
          .invalidArgument, "Refcount width must be a power of two and may not exceed 64 bits")
      }
      refcountOrder = UInt32(bits.trailingZeroBitCount)
      guard version >= 3 || bits == 16 else {
        throw BlockError(
          .invalidArgument,
          "Refcount widths other than 16 bits require compatibility level 1.1 or above "
            + "(use compat=1.1 or greater)")
      }
    }
    let lazy = try reader.bool("lazy_refcounts")
    guard version >= 3 || lazy != true else {
      throw BlockError(
        .invalidArgument,
        "Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or greater)")
    }
    hasLazyRefcounts = version >= 3 && lazy ?? hasLazyRefcounts
  }

  private mutating func readReferences(_ reader: inout OptionReader, _ header: Header) throws(BlockError) {
    dataFile = try reader.string("data_file")
    if dataFile != nil, !header.incompatible.contains(.dataFile) {
      throw BlockError(
        .invalidArgument, "data-file can only be set for images that use an external data file")
    }
    let isRaw = header.autoclear.contains(.rawDataFile)
    if let raw = try reader.bool("data_file_raw") {
      guard !raw || isRaw else {
        throw BlockError(.invalidArgument, "data-file-raw cannot be set on existing images")
      }
      freesDataFile = isRaw && !raw
    }
    let name = try reader.string("backing_file")
    let format = try reader.string("backing_fmt")
    let isSame = name == header.backingName && format == header.first(.backingFormat)?.text
    guard (name == nil && format == nil) || isSame else {
      throw BlockError(
        .invalidArgument, "Cannot amend the backing file", hint: "You can use 'qemu-img rebase' instead.")
    }
  }

  private mutating func readLength(_ reader: inout OptionReader) throws(BlockError) {
    guard let size = try reader.size("size"), size > 0 else { return }
    guard size <= UInt64(Int64.max) else {
      throw BlockError(.tooLarge, "Image size cannot be negative")
    }
    guard size % 512 == 0 else { throw BlockError.noWholeSectors }
    length = size
  }

  /// Whether version 2 can hold what the image is.
  private func checkDowngrade(_ header: Header, _ snapshots: [SnapshotEntry]) throws(BlockError) {
    guard header.version >= 3 else { return }
    guard refcountOrder == 4 else {
      throw BlockError(.invalidArgument, "compat=0.10 requires refcount_bits=16")
    }
    if header.incompatible.contains(.dataFile) {
      throw BlockError(.unsupported, "Cannot downgrade an image with a data file")
    }
    let lost = header.incompatible.subtracting(.dirty)
    guard lost.isEmpty else {
      throw BlockError(
        .unsupported,
        "Cannot downgrade an image with incompatible features 0x\(hex(lost.rawValue)) set")
    }
    if let bitmaps = header.first(.bitmaps), BitmapsExtension(parsing: bitmaps.data)?.count != 0 {
      throw BlockError(
        .unsupported, "Cannot downgrade an image with bitmaps", advice: "Remove the bitmaps first.")
    }
    for snapshot in snapshots where (snapshot.diskSize ?? header.size) != length ?? header.size {
      throw BlockError(.unsupported, "Internal snapshots prevent downgrade of image")
    }
  }

  /// The options that `amend` accepts.
  static let list: OptionList = [
    OptionSpec(
      "encrypt.state", .string, "Select new state of affected keyslots (active/inactive)",
      values: ["active", "inactive"]),
    OptionSpec(
      "encrypt.new-secret", .string,
      "New secret to set in the matching keyslots. Empty string to erase"),
    OptionSpec("encrypt.old-secret", .string, "Select all keyslots that match this password"),
    OptionSpec("encrypt.keyslot", .number, "Select a single keyslot to modify explicitly"),
    OptionSpec("encrypt.iter-time", .number, "Time to spend in PBKDF in milliseconds"),
    OptionSpec("size", .size, "Virtual disk size"),
    OptionSpec(
      "compat", .string, "Compatibility level (v2 [0.10] or v3 [1.1])", values: ["1.1", "0.10", "v3", "v2"]),
    OptionSpec("backing_file", .string, "File name of a base image"),
    OptionSpec("backing_fmt", .string, "Image format of the base image"),
    OptionSpec("data_file", .string, "File name of an external data file"),
    OptionSpec("data_file_raw", .bool, "The external data file must stay valid as a raw image"),
    OptionSpec("lazy_refcounts", .bool, "Postpone refcount updates"),
    OptionSpec(
      "refcount_bits", .number, "Width of a reference count entry in bits",
      values: (0...6).map { String(1 << $0) }),
  ]
}
