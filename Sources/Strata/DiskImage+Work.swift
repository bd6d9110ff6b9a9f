// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// Work on whole images. A new image appears under its name when it is complete, or not at all.
extension DiskImage {
  /// Makes an empty image.
  ///
  /// - Parameters:
  ///   - length: bytes of the disk; nil for that of the backing image.
  ///   - options: creation options by name, as `create -o` takes them.
  ///   - backing: the image below, as it is to stand in the new one, and its format.
  /// - Throws: why it cannot be made.
  public static func create(
    _ path: String, format: String, length: UInt64?, options: [String: String] = [:],
    backing: (name: String, format: String)? = nil, access: Access = .trusted
  ) throws(ImageError) {
    try run(access) { graph, opener throws(BlockError) in
      var wish = CreateOptions(path: path, format: format)
      wish.size = length
      wish.options = list(options)
      wish.backing = backing?.name
      wish.backingFormat = backing?.format
      return try CreateJob(wish, graph: graph, opener: opener)
    }
  }

  /// Copies the disk of one image into a new image.
  ///
  /// - Parameters:
  ///   - format: the new image's format.
  ///   - sourceFormat: the format of the source, or nil to look at the content.
  ///   - options: creation options by name, as `convert -o` takes them.
  ///   - isCompressed: whether the data is compressed.
  ///   - progress: called from any thread with bytes done and bytes in all; `false` ends the copy.
  /// - Throws: what cannot be read or written; kind `interrupted` where `progress` ended it.
  public static func copy(
    _ source: String, to target: String, format: String, sourceFormat: String? = nil,
    options: [String: String] = [:], isCompressed: Bool = false, access: Access = .trusted,
    progress: @escaping @Sendable (UInt64, UInt64) -> Bool = { _, _ in true }
  ) throws(ImageError) {
    try run(access, progress) { graph, opener throws(BlockError) in
      var wish = ConvertOptions(
        sources: [try ImageName(source, protocols: opener.protocols)],
        target: try ImageName(target, protocols: opener.protocols))
      wish.sourceSettings.format = sourceFormat
      wish.targetFormat = format
      wish.targetCache = .writeback
      wish.compresses = isCompressed
      wish.creationOptions = list(options)
      return try ConvertJob(wish, opener: opener)
    }
  }

  /// The findings of a check.
  public struct CheckReport: Sendable {
    /// Contradictions that endanger data, and places that could not be looked at.
    public internal(set) var errors: UInt64 = 0
    /// Clusters that nothing refers to.
    public internal(set) var leaks: UInt64 = 0
    /// The number of errors and leaks that a repair took away.
    public internal(set) var repaired: UInt64 = 0
    /// Each finding in the order found, no more than the first thousand.
    public internal(set) var findings: [String] = []
  }

  /// Checks whether the tables of an image agree with each other.
  ///
  /// - Parameter repairs: whether they are mended as far as that can be.
  /// - Returns: nil where the format has nothing to check.
  /// - Throws: where nothing can be told about the image.
  public static func check(
    _ name: String, format: String? = nil, repairs: Bool = false, access: Access = .trusted
  ) throws(ImageError) -> CheckReport? {
    var report = CheckReport()
    var job: CheckJob?
    try run(access) { graph, opener throws(BlockError) in
      let image = JobImage.named(
        try ImageName(name, protocols: opener.protocols), OpenSettings(format: format), opener)
      let check = CheckJob(image, repair: repairs ? .all : nil) { finding in
        if report.findings.count < 1000 { report.findings.append(finding) }
      }
      job = check
      return check
    }
    guard let result = job?.result else { return nil }
    report.errors = result.corruptions + result.checkErrors
    report.leaks = result.leaks
    report.repaired = result.corruptionsFixed + result.leaksFixed
    return report
  }

  /// The facts that an image states about itself.
  public struct Information: Sendable {
    /// The name of its format.
    public let format: String
    /// Bytes of the disk.
    public let length: UInt64
    /// Bytes that its file takes, where that is known.
    public let allocated: UInt64?
    /// The image below as this one names it, and its format where it stands there.
    public let backing: (name: String, format: String?)?
    /// The names of internal snapshots, oldest first.
    public let snapshots: [String]
    /// Whether its data is encrypted.
    public let isEncrypted: Bool
    /// Whether it was not closed properly, where the format knows.
    public let isDirty: Bool?
  }

  /// Looks at an image and, where `followsChain`, at every image below it; the top comes first. Reads no data.
  ///
  /// - Throws: why an image cannot be opened.
  public static func inspect(
    _ name: String, format: String? = nil, followsChain: Bool = false, access: Access = .trusted
  ) throws(ImageError) -> [Information] {
    var job: InfoJob?
    try run(access) { graph, opener throws(BlockError) in
      let info = InfoJob(
        try ImageName(name, protocols: opener.protocols), OpenSettings(format: format),
        followsChain: followsChain, opener: opener)
      job = info
      return info
    }
    return (job?.images ?? []).map { image in
      Information(
        format: image.driver, length: image.virtualSize, allocated: image.actualSize,
        backing: image.format?.backing.map { ($0.name, $0.format) },
        snapshots: image.format?.snapshots.map(\.name) ?? [], isEncrypted: image.format?.isEncrypted ?? false,
        isDirty: image.isDirty)
    }
  }

  // MARK: Running

  private static func run(
    _ access: Access, _ progress: @escaping @Sendable (UInt64, UInt64) -> Bool = { _, _ in true },
    _ make: (Graph, Opener) throws(BlockError) -> any Job
  ) throws(ImageError) {
    let graph = Graph()
    defer { graph.releaseAll { _, _ in } }
    let isStopped = StopFlag()
    let context = JobContext(
      interrupted: { isStopped.isSet ? BlockError(.interrupted, "The work was ended") : nil },
      report: { if !progress($0.done, $0.total) { isStopped.set() } })
    try publicly { () throws(BlockError) in
      var runner = JobRunner(graph: graph, context: context)
      try runner.run(try make(graph, access.opener(for: graph)))
    }
  }

  private static func list(_ options: [String: String]) -> KeyValueList {
    KeyValueList(options.sorted { $0.key < $1.key }.map { KeyValueList.Item(key: $0.key, value: $0.value) })
  }
}
