// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Options

/// The driver behind a node: the part all drivers share.
///
/// The graph hooks are called on the graph thread. Everything else is I/O API: callable from any thread at
/// once, on a node that is not drained. A driver keeps no links to other nodes; it is handed its node with
/// each call and reaches children through the node's edges, whose owner is the graph.
package protocol BlockDriver: AnyObject, Sendable {
  /// The driver's name as users write it, such as `qcow2`.
  var name: String { get }

  // MARK: Graph hooks

  /// Limits of the node, given its present children.
  func limits(of node: Node) -> Limits

  /// The abilities of the node, given its present children. I/O API.
  func capabilities(of node: Node) -> Capabilities

  /// The permissions that the node asks for of the child in `slot`; `parents` is the request of all its own users.
  ///
  /// Pure: `flags` are the ones that the node will have. The default derives the request from `role`.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest

  /// Whether the node can serve `request`. Called once per refresh, followed by exactly one of
  /// `commitPermissions` and `abortPermissions`; takes what is needed and keeps what was until then.
  func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError)

  /// The request of the last `checkPermissions` holds from now on.
  func commitPermissions(of node: Node)

  /// The request of the last `checkPermissions` does not come about; harmless where none was checked.
  func abortPermissions(of node: Node)

  /// The options that may change while the node is open, `backing` among them where that file may be another;
  /// of a group of options, the group's name.
  var mutableOptions: Set<String> { get }

  /// The node is about to be open with `flags` and with `options`, all of the driver's own, of which only mutable
  /// ones differ: does what can fail, and writes what is held back where writing is about to end. Called before
  /// anything changes, without requests in flight; followed by exactly one of `commitReopen` and `abortReopen`.
  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError)

  /// The node is open with its new flags and options.
  func commitReopen(of node: Node)

  /// The node stays as it was.
  func abortReopen(of node: Node)

  /// All nodes that were reopened together are open anew: does what needs that. Later ones are called first.
  func finishReopen(of node: Node) throws(BlockError)

  /// The node closes: write what is still held back. Called once, without requests in flight.
  func close(_ node: Node) throws(BlockError)

  // MARK: I/O

  /// The slot of the child whose content the node shows and nothing else, as a filter does.
  var filteredSlot: EdgeSlot? { get }

  /// Guest-visible length in bytes.
  func length(of node: Node) -> UInt64

  /// The same without the zeros that fill the disk's last sector up and are stored nowhere.
  func unpaddedLength(of node: Node) -> UInt64

  /// The answer of this layer about the range that starts at `offset`.
  ///
  /// `offset` lies inside the length and `length` is at least 1 and does not pass the end. The answer may be
  /// shorter than asked; it should be as long as one look at the tables can tell.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent

  /// Makes everything written so far durable, tables included.
  func flush(_ node: Node) throws(BlockError)

  /// Sets the length in bytes. With `exact` false, a block device that is large enough will do.
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)

  /// Makes an aligned range read as zero without data, or answers false where that is not possible.
  ///
  /// With `mayUnmap` the space may be given back. The range ends at a multiple of the unit or at the node's length.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool

  /// As above; with `unchanged`, readers see the same bytes as before. Filters pass the promise on.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool

  /// Gives the space of an aligned range back where possible; the format's own rule says how the range reads then.
  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError)

  /// Names another backing file in the image, or none, and makes that durable after everything written before.
  ///
  /// The name in the file is the old one or the new one at any moment. The links between nodes stay.
  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError)

  /// Lets the image have nothing of its own, so that its backing file shows through everywhere, and gives the
  /// space back. At any moment each cluster is as it was or as the backing file has it.
  func makeEmpty(_ node: Node) throws(BlockError)

  /// Forgets what is known of the image from reading it earlier, once what is held back is written: others may have
  /// changed the image. Called without other requests in flight; changes no permission.
  func invalidateCache(_ node: Node) throws(BlockError)

  /// The node above is about to do something, which the request that follows does not say.
  func note(_ event: BlockEvent)

  /// Whether the driver tells its children of a step, as `qemu-img`'s driver of that name does.
  func tells(of event: BlockEvent) -> Bool

  /// The format's own lines of `info`, or nil.
  func formatInformation(of node: Node) -> FormatInformation?
}

/// A format whose images are not known before the files that they name are open.
package protocol ComposedDriver: FormatDriver {
  /// All that the image names is attached, but for guest data where only tables are looked at: reads what is needed to
  /// serve the image. Called once, before anybody uses the node; its limits are asked for again.
  func readReferences(of node: Node) throws(BlockError)
}

/// A format that holds images whole and shows one of them: checks are of that one's tables.
package protocol ContainingDriver: FormatDriver {
  /// The image that is shown.
  ///
  /// - Throws: kind `invalidArgument` where there are several and nobody chose.
  func shownImage(of node: Node) throws(BlockError) -> Node
}

/// A format whose images come with digests of the files that they consist of.
package protocol VerifiableDriver: FormatDriver {
  /// Reads the files whole that hold what is shown, and holds them against the digests that there are; warns where there
  /// are digests, but not of all of those files.
  ///
  /// - Throws: kind `corrupt`, naming the file that is another one.
  func verifyContent(of node: Node, _ context: JobContext) throws(BlockError)

  /// Reads all files whole that there are digests of, and reports each digest that is wrong, missing or of no file: a line
  /// each without a final line feed; how many. Nil where there are no digests.
  ///
  /// - Throws: why a file cannot be read.
  func checkContent(of node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> UInt64?
}

/// A driver that does its I/O itself: storage, and filters that act on every request.
package protocol StorageDriver: BlockDriver {
  /// Reads a range that lies inside the length, rounded up to the alignment, and obeys the limits.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError)

  /// Writes a range that obeys the limits; a range past the end grows the node.
  ///
  /// With `unchanged`, readers see the same bytes as before.
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)

  /// Bytes that the storage takes, where that is known and may be less than its length.
  func allocatedLength(of node: Node) -> UInt64?

  /// Throws where giving up what stands there would be in vain: the storage could not become so long.
  func requireRoom(for length: UInt64, _ preallocation: Preallocation, of node: Node) throws(BlockError)
}

/// A driver that maps guest ranges to its children; splitting, zero fill, backing files and copy-on-write are
/// done once above all of them.
package protocol FormatDriver: BlockDriver {
  /// Reads a range that `extent` called compressed or encrypted; it lies inside that extent.
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)

  /// Makes the start of a range writable and says where it is. Each slot with an `allocation` is followed by
  /// exactly one `finishWrite`, which `ClaimedSlots` sees to; until then other writers of the same clusters wait
  /// here, unless tables stay as they are, and nobody gives the place to something else.
  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot

  /// Links what `prepareWrite` allocated, or gives it back when writing failed. The claim is gone in any case, also
  /// when this throws.
  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError)

  /// A new image has all of its content: writes what only a whole one has, such as footers, end markers and tables that
  /// are kept until then. Called once, without other requests in flight; the caller flushes.
  func seal(_ node: Node) throws(BlockError)

  /// Whether a range of data may lie in a hole of the file, so that the file has to be asked for a block status, too.
  func mayHaveHoles(of node: Node) -> Bool
}

/// A format that can store compressed clusters.
package protocol CompressingDriver: FormatDriver {
  /// Makes a compressor for the use of one thread.
  func makeCompressor() throws(BlockError) -> any ClusterCompressor

  /// Finds room for compressed clusters, in order. The caller then writes each piece and calls `finishCompressed`
  /// exactly once; until then the ranges read as before.
  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot

  /// Links the clusters of a slot, whose bytes are there now; if not `written`, gives their room back.
  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError)
}

/// Compresses one cluster at a time; belongs to one thread.
package protocol ClusterCompressor: AnyObject {
  /// Bytes that the result may be longer than the cluster, at most 512; 0 where one that does not become smaller is stored as it is.
  var slack: Int { get }

  /// Compresses one whole cluster into `output`; the bytes used, or nil where it would not become smaller.
  func compress(_ cluster: RawSpan, into output: inout MutableRawSpan) -> Int?
}

extension ClusterCompressor {
  /// A cluster that does not become smaller is stored as it is.
  package var slack: Int { 0 }
}

/// One cluster to be placed.
package struct CompressedCluster: Sendable {
  /// Its guest offset in bytes.
  package var guestOffset: UInt64
  /// Its compressed size in bytes.
  package var size: Int

  /// Makes a cluster to be placed.
  package init(guestOffset: UInt64, size: Int) {
    self.guestOffset = guestOffset
    self.size = size
  }
}

/// Room for compressed clusters.
package struct CompressedSlot: Sendable {
  /// Where their bytes go.
  package var pieces: [CompressedPiece]
  /// The driver's own number for what it has to finish.
  package var allocation: UInt64

  /// Makes a slot.
  package init(pieces: [CompressedPiece], allocation: UInt64) {
    self.pieces = pieces
    self.allocation = allocation
  }
}

/// A contiguous piece of the clusters' bytes, put end to end in the order given.
package struct CompressedPiece: Sendable {
  /// The place of the piece among the bytes.
  package var bytes: Range<Int>
  /// Where they go.
  package var location: Extent.Location

  /// Makes a piece.
  package init(bytes: Range<Int>, location: Extent.Location) {
    self.bytes = bytes
    self.location = location
  }
}

/// The facts that a format tells `info` beyond the lines common to all.
package struct FormatInformation: Sendable {
  /// The unit of allocation in bytes, if any.
  package var clusterSize: UInt64?
  /// Whether guest data is compressed as a rule, or nil where the format does not say.
  package var isCompressed: Bool?
  /// Whether guest data is encrypted.
  package var isEncrypted = false
  /// Whether the image was not closed properly; nil where the format does not tell.
  package var isDirty: Bool? = false
  /// The backing file as the image names it.
  package var backing: ImageReference?
  /// Internal snapshots, oldest first.
  package var snapshots: [SnapshotInformation] = []
  /// The `format-specific` object: `type` and `data`; nil where the format has none.
  package var specific: OptionTree?

  /// Makes an empty set of lines.
  package init() {}
}

/// One internal snapshot as `info` lists it.
package struct SnapshotInformation: Sendable, Equatable {
  /// The bytes of the unique id.
  package var idBytes: [UInt8]
  /// The bytes of the name users give.
  package var nameBytes: [UInt8]
  /// The unique id.
  package var id: String { String(spelling: idBytes) }
  /// The name users give.
  package var name: String { String(spelling: nameBytes) }
  /// Size of the saved machine state in bytes.
  package var stateSize: UInt64
  /// When it was taken: seconds since 1970 and nanoseconds.
  package var seconds: UInt32
  /// The nanoseconds part of the time.
  package var nanoseconds: UInt32
  /// Machine time in nanoseconds.
  package var machineClock: UInt64
  /// Instructions executed, where it was recorded.
  package var instructionCount: UInt64?

  /// Makes a snapshot's lines.
  package init(
    idBytes: [UInt8], nameBytes: [UInt8], stateSize: UInt64, seconds: UInt32, nanoseconds: UInt32,
    machineClock: UInt64, instructionCount: UInt64?
  ) {
    self.idBytes = idBytes
    self.nameBytes = nameBytes
    self.stateSize = stateSize
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    self.machineClock = machineClock
    self.instructionCount = instructionCount
  }
}
