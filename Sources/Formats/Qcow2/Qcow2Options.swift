// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors
internal import Options

/// Structures that writes are held against before they reach the file.
struct OverlapChecks: OptionSet, Sendable, Hashable {
  let rawValue: UInt16

  static let mainHeader = OverlapChecks(rawValue: 1)
  static let activeL1 = OverlapChecks(rawValue: 2)
  static let activeL2 = OverlapChecks(rawValue: 4)
  static let refcountTable = OverlapChecks(rawValue: 8)
  static let refcountBlock = OverlapChecks(rawValue: 16)
  static let snapshotTable = OverlapChecks(rawValue: 32)
  static let inactiveL1 = OverlapChecks(rawValue: 64)
  static let inactiveL2 = OverlapChecks(rawValue: 128)
  static let bitmapDirectory = OverlapChecks(rawValue: 256)

  static let constant: OverlapChecks = [
    .mainHeader, .activeL1, .refcountTable, .snapshotTable, .bitmapDirectory,
  ]
  static let cached: OverlapChecks = constant.union([.activeL2, .refcountBlock, .inactiveL1])
  static let all: OverlapChecks = cached.union([.inactiveL2])

  /// Each check with the name of its option.
  static let named: [(check: OverlapChecks, name: String)] = [
    (.mainHeader, "main-header"), (.activeL1, "active-l1"), (.activeL2, "active-l2"),
    (.refcountTable, "refcount-table"), (.refcountBlock, "refcount-block"),
    (.snapshotTable, "snapshot-table"), (.inactiveL1, "inactive-l1"), (.inactiveL2, "inactive-l2"),
    (.bitmapDirectory, "bitmap-directory"),
  ]

  /// The checks that a template stands for.
  static func template(_ name: String) throws(BlockError) -> OverlapChecks {
    switch name {
    case "none": return []
    case "constant": return .constant
    case "cached": return .cached
    case "all": return .all
    default:
      throw BlockError(
        .invalidArgument,
        "Unsupported value '\(name)' for qcow2 option 'overlap-check'. Allowed are any of the following: "
          + "none, constant, cached, all")
    }
  }
}

/// The internal snapshot that is served instead of the active state.
struct SnapshotSelector: Sendable, Equatable {
  var id: String?
  var name: String?
  /// Matches an id, or else a name.
  var idOrName: String?
}

/// How an image is opened: the driver's own options.
struct Qcow2Options: Sendable {
  var lazyRefcounts: Bool?
  var passDiscardRequest: Bool?
  var passDiscardSnapshot = true
  var passDiscardOther = false
  var discardNoUnref = false
  var overlapChecks: OverlapChecks = .cached
  var l2CacheBytes = Qcow2Options.defaultL2CacheBytes
  /// The size of the cache of L2 tables unless the user gives one.
  private(set) var usualL2CacheBytes = Qcow2Options.defaultL2CacheBytes
  var l2SliceBytes: UInt64?
  var refcountCacheBytes = Qcow2Options.defaultRefcountCacheBytes
  var snapshot: SnapshotSelector?
  /// How the user says guest data is encrypted.
  var encryptionFormat: String?
  /// The id of the secret that opens the image.
  var keySecret: String?

  /// Enough for 64 GiB of guest data with the usual clusters.
  static let defaultL2CacheBytes: UInt64 = 8 << 20
  static let defaultRefcountCacheBytes: UInt64 = 1 << 20
  /// The least size of a cache where the user gave a size to both together, and little is left for it.
  static let leastRestBytes: UInt64 = 512 << 10
  /// More than this is never kept, whatever the user says.
  static let maximumCacheBytes: UInt64 = 1 << 30

  /// No options given.
  init() {}

  private static let groups = ["overlap-check", "snapshot", "encrypt"]
  /// The options that may change while an image is open: all but those that choose what is served.
  static let mutable = Set(plain + ["overlap-check"])
  private static let plain = [
    "lazy-refcounts", "pass-discard-request", "pass-discard-snapshot", "pass-discard-other",
    "discard-no-unref", "cache-size", "l2-cache-size", "l2-cache-entry-size", "refcount-cache-size",
    "cache-clean-interval",
  ]

  /// Takes what the driver understands out of `options`; unknown keys stay, those inside groups too.
  ///
  /// - Parameter cacheBytes: the memory that caches may take where `options` do not say.
  init(taking options: inout OptionObject, cacheBytes: UInt64 = defaultL2CacheBytes) throws(BlockError) {
    usualL2CacheBytes = min(cacheBytes, Qcow2Options.defaultL2CacheBytes)
    l2CacheBytes = usualL2CacheBytes
    var reader = OptionReader(
      options.takeFlat(groups: Qcow2Options.groups, plain: Qcow2Options.plain))
    try readFlags(&reader)
    try readCaches(&reader)
    try readOverlapChecks(&reader)
    try readSnapshot(&reader)
    encryptionFormat = try reader.string("encrypt.format")
    keySecret = try reader.string("encrypt.key-secret")
    for entry in reader.rest.entries { options[entry.key] = entry.value }
  }

  private mutating func readFlags(_ reader: inout OptionReader) throws(BlockError) {
    lazyRefcounts = try reader.bool("lazy-refcounts")
    passDiscardRequest = try reader.bool("pass-discard-request")
    passDiscardSnapshot = try reader.bool("pass-discard-snapshot") ?? true
    passDiscardOther = try reader.bool("pass-discard-other") ?? false
    discardNoUnref = try reader.bool("discard-no-unref") ?? false
  }

  private mutating func readCaches(_ reader: inout OptionReader) throws(BlockError) {
    let total = try reader.size("cache-size")
    let l2 = try reader.size("l2-cache-size")
    let refcount = try reader.size("refcount-cache-size")
    if let total {
      if l2 != nil && refcount != nil {
        throw BlockError(
          .invalidArgument,
          "cache-size, l2-cache-size and refcount-cache-size may not be set at the same time")
      }
      if let l2, l2 > total { throw BlockError(.invalidArgument, "l2-cache-size may not exceed cache-size") }
      if let refcount, refcount > total {
        throw BlockError(.invalidArgument, "refcount-cache-size may not exceed cache-size")
      }
      l2CacheBytes = l2 ?? max(total - (refcount ?? 0), Qcow2Options.leastRestBytes)
      refcountCacheBytes = refcount ?? max(total - min(l2CacheBytes, total), Qcow2Options.leastRestBytes)
    } else {
      l2CacheBytes = l2 ?? l2CacheBytes
      refcountCacheBytes = refcount ?? refcountCacheBytes
    }
    l2CacheBytes = min(l2CacheBytes, Qcow2Options.maximumCacheBytes)
    refcountCacheBytes = min(refcountCacheBytes, Qcow2Options.maximumCacheBytes)
    l2SliceBytes = try reader.size("l2-cache-entry-size")
    if let interval = try reader.number("cache-clean-interval"), interval > UInt64(UInt32.max) {
      throw BlockError(.invalidArgument, "Cache clean interval too big")
    }
  }

  private mutating func readOverlapChecks(_ reader: inout OptionReader) throws(BlockError) {
    let short = try reader.string("overlap-check")
    let template = try reader.string("overlap-check.template")
    if let short, let template, short != template {
      throw BlockError(
        .invalidArgument,
        "Conflicting values for qcow2 options 'overlap-check' ('\(short)') and 'overlap-check.template' "
          + "('\(template)')")
    }
    if let name = short ?? template { overlapChecks = try OverlapChecks.template(name) }
    for (check, name) in OverlapChecks.named {
      guard let wanted = try reader.bool("overlap-check." + name) else { continue }
      if wanted { overlapChecks.insert(check) } else { overlapChecks.remove(check) }
    }
  }

  private mutating func readSnapshot(_ reader: inout OptionReader) throws(BlockError) {
    let selector = SnapshotSelector(
      id: try reader.string("snapshot.id"), name: try reader.string("snapshot.name"),
      idOrName: try reader.string("snapshot"))
    if selector != SnapshotSelector() { snapshot = selector }
  }

  /// Bytes of one slice of an L2 table in memory.
  func sliceBytes(_ geometry: Geometry) throws(BlockError) -> Int {
    guard let l2SliceBytes else { return Int(min(geometry.clusterSize, 64 << 10)) }
    guard l2SliceBytes.nonzeroBitCount == 1, l2SliceBytes >= 512, l2SliceBytes <= geometry.clusterSize else {
      throw BlockError(
        .invalidArgument,
        "L2 cache entry size must be a power of two between 512 and the cluster size (\(geometry.clusterSize))"
      )
    }
    return Int(l2SliceBytes)
  }
}
