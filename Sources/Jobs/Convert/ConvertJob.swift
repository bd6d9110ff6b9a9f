// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host
internal import Options

/// Copies the content of images into a new image, or into an existing one.
package final class ConvertJob: Job {
  /// `convert`.
  package let kind = "convert"
  /// Called with each thing that went wrong without ending the job; from any thread.
  package var warn: @Sendable (String) -> Void = { _ in }
  /// Called, on the graph thread, with each bitmap that is left out.
  package var warnOfBitmap: (String) -> Void = { _ in }
  /// Told what the user can do where a wish has no effect.
  package var advise: (String) -> Void = { _ in }
  /// The checksum of what was copied, where one was asked for and the job has run.
  package private(set) var checksum: ContentChecksum?
  /// Bytes of the disk that is copied; known once the job runs.
  package private(set) var length: UInt64 = 0
  let options: ConvertOptions
  let opener: Opener
  private var graph: Graph?
  private var sources: [RootUser] = []
  private var target: RootUser?
  /// Holds what a new target stands on.
  private var backing: RootUser?
  private(set) var image: NewImage?
  private var base: Node?
  private var bitmaps: BitmapCopy?

  /// Checks the options against each other; opens nothing.
  ///
  /// - Throws: kind `invalidArgument`, naming the options.
  package init(_ options: ConvertOptions, opener: Opener) throws(BlockError) {
    self.options = options
    self.opener = opener
    if options.copiesBitmaps { bitmaps = BitmapCopy(skipsBroken: options.skipsBrokenBitmaps) }
    try options.refuseContradictions()
  }

  // MARK: Job

  /// Opens the sources and makes or opens the target.
  package func prepare(in graph: Graph) throws(BlockError) {
    self.graph = graph
    for name in options.sources {
      let user = graph.makeUser(
        "convert: source '\(name.text)'",
        request: PermissionRequest(
          held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize])))
      sources.append(user)
      try openSource(name, for: user)
    }
    try about(options.sources.first?.text) { () throws(BlockError) in
      try bitmaps?.checkSource(sources.first)
    }
    length = try ConvertSource(sources.compactMap { $0.edge }, base: nil, salvage: nil).length
    let user = graph.makeUser(
      "convert: target '\(options.target.text)'",
      request: PermissionRequest(held: .write, shared: .consistentRead))
    target = user
    try about(options.target.text) { () throws(BlockError) in
      if options.skipsCreation { try openTarget(user, in: graph) } else { try makeTarget(user, in: graph) }
      try bitmaps?.checkTarget(user)
    }
  }

  /// Copies, and closes the target.
  package func run(_ context: JobContext) throws(BlockError) {
    do throws(BlockError) {
      try copy(context)
    } catch {
      throw image?.explain(error) ?? error
    }
  }

  private func copy(_ context: JobContext) throws(BlockError) {
    guard let graph, let target, let edge = target.edge else { return }
    var edges: [Edge] = []
    for user in sources { if let edge = user.edge { edges.append(edge) } }
    let source = try ConvertSource(edges, base: base, salvage: options.salvage(warn))
    let shape = shape(of: edge)
    let copy = ContentCopy(
      from: source, to: shape, threads: options.threads ?? Threads.processors,
      rateLimit: options.rateLimit, context: context)
    if options.verifies { context.expect(source.length) }
    if options.checksum != nil { context.expect(source.length) }
    if !options.ignoresDigests { for edge in edges { try edge.verifyContent(context) } }
    try copy.run(isLast: false)
    // A new image may be longer than what was asked for.
    if image != nil, !shape.readsZero, edge.length > source.length {
      try edge.writeZeroes(at: source.length, length: edge.length - source.length, mayUnmap: true)
    }
    try about(options.target.text) { () throws(BlockError) in
      try bitmaps?.copy(to: target, warnOfBitmap)
      if image != nil { try edge.seal() }
      try edge.flush(named: options.target.text)
      self.target = nil
      try inContext("error while closing the target") { () throws(BlockError) in try graph.release(target) }
    }
    if options.verifies {
      try verify(try ConvertSource(edges, base: nil, salvage: options.silence), graph, context)
    }
    if let algorithm = options.checksum {
      let scan = ChecksumScan(
        algorithm: algorithm, method: .blocks, threads: options.threads ?? Threads.processors)
      checksum = try scan.run(try ConvertSource(edges, base: nil, salvage: options.silence), context)
    }
    context.finish()
    try image?.complete()
  }

  /// Lets a new target appear under its name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try image?.publish(isFinal: isFinal)
  }

  /// Takes a new target away again.
  package func abort(in graph: Graph) { image?.withdraw() }

  /// Closes everything that is open; a target that was not published is gone.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    if let target {
      do throws(BlockError) {
        try graph.release(target)
      } catch {
        // Only a target that stays has lost anything by that.
        let name = options.target.text
        if image == nil { warnings.append(error.prefixed("could not close '\(name)'", naming: name)) }
      }
    }
    target = nil
    image?.discard()
    image = nil
    if let backing { try? graph.release(backing) }
    backing = nil
    for user in sources { try? graph.release(user) }
    sources = []
  }

  private func openSource(_ name: ImageName, for user: RootUser) throws(BlockError) {
    do throws(BlockError) {
      try opener.open(name, options.sourceSettings, for: user)
    } catch {
      // A snapshot that is not there says nothing against the image.
      guard options.sourceSettings.snapshot != nil,
        let cause = error.cause(in: .loadSnapshot)
      else { throw error }
      throw cause
    }
  }

  // MARK: Target

  /// The target's flags. The bytes that verifying reads back have to be on the storage, so that flushes are not left
  /// out.
  private var targetFlags: NodeFlags {
    let flags = options.targetCache.flags.union(.writable)
    return options.verifies ? flags.subtracting(.noFlush) : flags
  }

  private func openTarget(_ user: RootUser, in graph: Graph) throws(BlockError) {
    try ChainFiles.openPresent(
      options.target, OpenSettings(format: options.targetFormat, flags: targetFlags.union(.unmap)), for: user,
      by: opener)
    guard let edge = user.edge, edge.length >= length else {
      throw BlockError(.invalidArgument, "output file is smaller than input file")
    }
    try refuseCompression(edge)
  }

  /// Throws where the target stores nothing compressed, unless its format does not mind being asked.
  private func refuseCompression(_ edge: Edge) throws(BlockError) {
    guard options.compresses else { return }
    guard edge.capabilities.contains(.ignoresCompression) else { return _ = try edge.makeCompressor() }
    advise("-c has no effect: images of this kind store nothing compressed.")
  }

  private func makeTarget(_ user: RootUser, in graph: Graph) throws(BlockError) {
    let kind = try opener.creatableFormat(options.targetFormat ?? Drivers.unstatedFormat)
    var values = try CreationChoice(
      options.creationOptions, backing: options.backing, backingFormat: options.backingFormat, for: kind,
      opener
    ).values
    values.remove("size")
    try checkCombinations(values, kind)
    try checkSpace(values, kind)
    let path = try opener.targetPath(options.target.text)
    if let backing = BackingCheck(values, unsafe: true) {
      try backing.refuseOwnFiles(path: path, graph: graph, opener: opener)
    }
    var recipe = ImageRecipe(path: path, format: kind.name, size: length, options: values)
    // All that can be refused is, before the target's file gives up what it holds.
    try bitmaps?.checkTarget(kind, values)
    try making(recipe) { () throws(BlockError) in try recipe.refuseUnknownBackingFormat(opener) }
    try openBacking(of: values, at: path, in: graph)
    recipe.backing = backing?.edge?.child.identity
    image = try making(recipe) { () throws(BlockError) in
      try NewImage(recipe, flags: targetFlags, isOrdered: true, graph: graph, opener: opener)
    }
    try inFile(options.target.text) { () throws(BlockError) in
      try image?.open(for: user, on: backing?.edge?.child)
    }
    if let edge = user.edge {
      try refuseCompression(edge)
      guard !options.verifies || !edge.capabilities.contains(.appendOnly) else {
        throw BlockError(.invalidArgument, "--verify has nothing to read back from a pipe")
      }
    }
    base = sharedBase(below: user)
  }

  private func making<Result>(_ recipe: ImageRecipe, _ body: () throws(BlockError) -> Result)
    throws(BlockError) -> Result
  {
    do throws(BlockError) {
      return try body()
    } catch {
      let name = options.target.text
      throw error.prefixed("\(name): error while converting \(recipe.format)", naming: name)
    }
  }

  private func openBacking(of values: OptionObject, at path: String, in graph: Graph) throws(BlockError) {
    guard let name = values["backing_file"]?.string, !name.isEmpty else { return }
    let user = graph.makeUser(
      "convert: backing file of '\(options.target.text)'",
      request: PermissionRequest(
        held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize])))
    backing = user
    let settings = OpenSettings(
      format: values["backing_fmt"]?.string, flags: targetFlags.subtracting(.writable))
    try inFile(options.target.text) { () throws(BlockError) in
      try inContext("Could not open backing file") { () throws(BlockError) in
        let image = try ImageName(ImageName.resolve(name, relativeTo: path), protocols: opener.protocols)
        let node = try opener.openUnused(image, settings)
        try graph.attach(user, toUnused: node)
      }
    }
  }

  private func checkSpace(_ values: OptionObject, _ kind: any DriverKind) throws(BlockError) {
    guard !options.ignoresSpace, !options.compresses, !options.offloads,
      !opener.isRemote(options.target.text)
    else { return }
    let check = SpaceCheck(
      path: try opener.targetPath(options.target.text), values: values, writesZeros: options.leastHole == 0,
      mayCompress: compressionRefusal(values, kind) == nil && kind.compressesOnDemand(values))
    try check.refuseHopeless(sources.compactMap { $0.edge }, length: length, warn: warn)
  }

  /// The error of compressing in a new image with these options, where that cannot be.
  private func compressionRefusal(_ values: OptionObject, _ kind: any DriverKind) -> BlockError? {
    if values["encrypt.format"] != nil || values["encryption"] == .bool(true) {
      return BlockError(.unsupported, "Compression and encryption not supported at the same time")
    }
    if let mode = values["preallocation"]?.string, mode != "off" {
      return BlockError(.unsupported, "Compression and preallocation not supported at the same time")
    }
    if values["data_file"] != nil {
      return BlockError(
        .unsupported, "Compression is not possible in an image with an external data file")
    }
    return kind.supportsCompression ? nil : .noCompression
  }

  private func checkCombinations(_ values: OptionObject, _ kind: any DriverKind) throws(BlockError) {
    if options.compresses, let refusal = compressionRefusal(values, kind) { throw refusal }
    guard values["backing_file"] == nil || values["backing_fmt"] != nil else {
      throw BlockError(
        .invalidArgument, "Use of backing file requires explicit backing format",
        advice: "State the format of the backing file with -F.")
    }
  }

  /// The layer of the source's chain that is the target's backing file too: its content need not be copied.
  private func sharedBase(below target: RootUser) -> Node? {
    guard let backing = target.edge?.child.backing?.child,
      let identity = FilePaths.identity(of: backing.fileName)
    else { return nil }
    var layer = sources.first?.edge?.child.backing?.child
    while let node = layer {
      if FilePaths.identity(of: node.fileName) == identity { return node }
      layer = node.backing?.child
    }
    return nil
  }

  /// The unit in which data is looked through for zeros; compressing goes by clusters.
  private func zeroUnit(_ granule: UInt64, _ compresses: Bool) -> UInt64 {
    compresses ? granule : max(options.leastHole, 1).roundedUp(to: granule) ?? granule
  }

  private func shape(of edge: Edge) -> CopyTarget {
    let cluster = edge.child.limits.clusterSize
    let isFresh = image?.readsZero ?? options.targetIsZero
    let capabilities = edge.capabilities
    let compresses =
      options.compresses && !capabilities.contains(.ignoresCompression)
      || capabilities.contains(.compressedOnly)
    let granule = CopyTarget.granule(of: edge, compresses: compresses)
    return CopyTarget(
      edge: edge, granule: granule, zeroUnit: zeroUnit(granule, compresses),
      isSparse: options.leastHole > 0,
      readsZero: isFresh && edge.child.backing == nil,
      offloads: options.offloads && !compresses,
      compressionUnit: compresses ? Int(cluster) : nil)
  }
}
