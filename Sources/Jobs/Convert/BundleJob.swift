// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host
internal import Options

/// Copies images into a new file that holds an image of each, such as a virtual appliance.
package final class BundleJob: Job {
  /// `convert`.
  package let kind = "convert"
  /// Called with each thing that went wrong without ending the job; from any thread.
  package var warn: @Sendable (String) -> Void = { _ in }
  /// Bytes of all disks together; known once the job runs.
  package private(set) var length: UInt64 = 0
  private let options: ConvertOptions
  private let format: any BundlingKind
  private let opener: Opener
  private var graph: Graph?
  private var sources: [RootUser] = []
  private var files: TargetFiles?
  private var file: RootUser?
  private var bundle: (any Bundle)?

  /// - Parameter format: that of the target.
  /// - Throws: kind `invalidArgument` for options that mean nothing here; opens nothing.
  package init(_ options: ConvertOptions, format: any BundlingKind, opener: Opener) throws(BlockError) {
    self.options = options
    self.format = format
    self.opener = opener
    let mistakes: [(Bool, String)] = [
      (options.skipsCreation, "-n"), (options.copiesBitmaps, "--bitmaps"), (options.offloads, "-C"),
      (options.backing != nil, "-b"), (options.backingFormat != nil, "-F"),
      (options.checksum != nil, "--checksum"),
    ]
    for (isMistake, option) in mistakes where isMistake {
      throw BlockError(.invalidArgument, "\(option) cannot be used with the format '\(format.name)'")
    }
  }

  // MARK: Job

  /// Opens the sources and makes the file.
  package func prepare(in graph: Graph) throws(BlockError) {
    self.graph = graph
    var lengths: [UInt64] = []
    for name in options.sources {
      let user = graph.makeUser(
        "convert: source '\(name.text)'",
        request: PermissionRequest(
          held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize])))
      sources.append(user)
      try opener.open(name, options.sourceSettings, for: user)
      guard let edge = user.edge else { continue }
      lengths.append(try ConvertSource([edge], base: nil, salvage: nil).length)
      length = length.plus(lengths.last ?? 0) ?? .max
    }
    try about(options.target.text) { () throws(BlockError) in try makeFile(lengths, in: graph) }
  }

  private func makeFile(_ lengths: [UInt64], in graph: Graph) throws(BlockError) {
    let path = try opener.targetPath(options.target.text)
    let present = FilePaths.kind(of: path)
    guard !opener.isRemote(path), present == nil || present == .regular else {
      throw BlockError(
        .unsupported, "'\(path)' is no file: images of format '\(format.name)' stand in files", naming: path,
        advice: "What stands at their start is known last. Convert into a file, and send that.")
    }
    var values = try CreationChoice(
      options.creationOptions, backing: nil, backingFormat: nil, for: format, opener
    ).values
    let attributes = try FileAttributes(takingFrom: &values)
    do throws(BlockError) {
      bundle = try format.makeBundle(FilePaths.name(of: path), lengths: lengths, options: values)
    } catch {
      let name = options.target.text
      throw error.prefixed("\(name): error while converting \(format.name)", naming: name)
    }
    let files = TargetFiles(graph: graph, opener: opener)
    self.files = files
    let user = graph.makeUser(
      "convert: target '\(options.target.text)'", request: BundleJob.filling)
    file = user
    try files.make(path, flags: flags, attributes, for: user)
  }

  /// The permissions while nobody else uses the file.
  private static let filling = PermissionRequest(
    held: [.consistentRead, .write, .resize], shared: .consistentRead)

  private var flags: NodeFlags { options.targetCache.flags.union(.writable) }

  /// Copies one image after the other, and then writes what leads to them.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let graph, let bundle, let file, let edge = file.edge else { return }
    do throws(BlockError) {
      for source in sources {
        guard let length = source.edge?.length else { continue }
        context.expect(options.verifies ? 2 * length : length)
      }
      var images: [BundledImage] = []
      for (index, source) in sources.enumerated() {
        guard let source = source.edge else { continue }
        if !options.ignoresDigests { try source.verifyContent(context) }
        let start = bundle.start(of: index, after: images.last?.range.upperBound)
        try edge.truncate(to: start, exact: false)
        try graph.setPermissions(.none, of: file)
        let populated = try copy(source, as: index, to: start, graph, context)
        try graph.setPermissions(BundleJob.filling, of: file)
        images.append(BundledImage(range: start..<edge.length, populated: populated))
      }
      try bundle.finish(images, in: edge, context)
      try edge.flush()
      context.finish()
      try files?.complete()
    } catch {
      throw files?.explain(error, fillsFiles: false) ?? error
    }
  }

  /// Makes the image of a disk from an offset in the file on, and returns how much of it has data.
  private func copy(_ source: Edge, as index: Int, to start: UInt64, _ graph: Graph, _ context: JobContext)
    throws(BlockError) -> UInt64
  {
    guard let bundle, let node = file?.edge?.child else { return 0 }
    let (format, memberOptions) = bundle.member
    let kind = try opener.knownFormat(format)
    let name = FilePaths.join(FilePaths.folder(of: node.fileName), bundle.name(of: index))
    let settings = OpenSettings(flags: flags)
    // The part behind the offset is a file to the image.
    let window = graph.makeUser("creation of '\(name)'", request: BundleJob.filling)
    let image = graph.makeUser(
      "convert: target '\(name)'", request: PermissionRequest(held: .write, shared: .consistentRead))
    defer {
      try? graph.release(image)
      try? graph.release(window)
    }
    try graph.attach(
      window, toUnused: FileTail.makeNode(of: node, from: start, as: name, flags: flags, in: graph))
    guard let area = window.edge else { return 0 }
    let from = try ConvertSource([source], base: nil, salvage: options.salvage(warn))
    let size = try kind.lengthOfNew(from.length, options: memberOptions)
    try kind.create(CreateRequest(file: area, size: size, options: memberOptions, secrets: opener.secrets))
    try graph.setPermissions(.none, of: window)
    try graph.attach(image, toUnused: opener.openFormat(kind, on: area.child, [:], settings))
    guard let edge = image.edge else { return 0 }
    let granule = CopyTarget.granule(of: edge, compresses: true)
    let target = CopyTarget(
      edge: edge, granule: granule, isSparse: true, readsZero: true,
      compressionUnit: Int(edge.child.limits.clusterSize))
    let copy = ContentCopy(
      from: from, to: target, threads: options.threads ?? Threads.processors, rateLimit: options.rateLimit,
      context: context)
    try copy.run(isLast: false)
    try edge.seal()
    try edge.flush()
    if options.verifies {
      try graph.setPermissions(
        PermissionRequest(held: .consistentRead, shared: .consistentRead), of: image)
      let original = try ConvertSource([source], base: nil, salvage: options.silence)
      try inFile(name, "Could not verify") { () throws(BlockError) in
        let written = try ConvertSource([edge], base: nil, salvage: nil)
        try ContentComparison(original, written).run(threads: options.threads ?? Threads.processors, context)
      }
    }
    let populated = try bytesWithData(edge)
    try graph.release(image)
    return populated
  }

  /// Bytes of a disk that its image has data for.
  private func bytesWithData(_ edge: Edge) throws(BlockError) -> UInt64 {
    var (position, sum) = (UInt64(0), UInt64(0))
    let length = edge.length
    while position < length {
      let extent = try edge.extent(at: position, length: length - position)
      if extent.kind == .data { sum += extent.length }
      position += extent.length
    }
    return sum
  }

  /// Lets the file appear under its name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try files?.publish(isFinal: isFinal)
  }

  /// Takes the file away again.
  package func abort(in graph: Graph) { files?.withdraw() }

  /// Closes everything that is open; a file that was not published is gone.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    if let file { try? graph.release(file) }
    file = nil
    files?.close()
    files = nil
    for user in sources { try? graph.release(user) }
    sources = []
  }
}
