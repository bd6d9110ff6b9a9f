// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Host
package import Options

/// A kind of driver: how its images are recognised, opened and made. Stateless.
package protocol DriverKind: Sendable {
  /// The name that users write, such as `qcow2` or `file`.
  var name: String { get }
  /// Whether it is storage (found by a file name's prefix) rather than a format.
  var isProtocol: Bool { get }
  /// Whether it stands above images and has none of its own.
  var isFilter: Bool { get }
  /// The prefixes of names that lead to this storage.
  var namePrefixes: [StoragePrefix] { get }
  /// The name of the storage opened with `options`, as in messages; nil for the name as the user wrote it.
  func storageName(_ options: OptionObject) -> String?
  /// Another name by which users may call it, which nothing prints or stores.
  var alias: String? { get }
  /// Finds the file that a path means, so that `open` gets that one and no other; from `folder`, where it is stated,
  /// without leaving it or following a link. Nil where storage has no files of this machine to find.
  func find(_ path: String, beneath folder: String?) throws(BlockError) -> FoundFile?
  /// Whether an image is no more than the disk's bytes, so that a file without a sign of any format is one.
  var isPlain: Bool { get }
  /// Whether images are only read, neither made nor changed.
  var isReadOnly: Bool { get }
  /// Whether images may have a backing file.
  var supportsBacking: Bool { get }
  /// Whether images may hold compressed data that is written there.
  var supportsCompression: Bool { get }
  /// Whether an image that is made with these creation options becomes smaller where compression is asked for.
  func compressesOnDemand(_ options: OptionObject) -> Bool
  /// Whether an image that is made with these creation options can keep dirty bitmaps.
  func supportsBitmaps(_ options: OptionObject) -> Bool
  /// The drivers that images may get whose format can do more than be read and written: it can do what one of them can.
  var driverTypes: [any BlockDriver.Type] { get }
  /// The role of the edge in slot `file` before the driver states it itself.
  var fileRole: EdgeRole { get }
  /// The option that states what is in slot `file`; nil where nothing stands there.
  var fileOption: String? { get }
  /// The slots of what images name besides a backing file: options by which users state something else in its place. Of
  /// a list, whose elements stand in `extents.0`, `extents.1` and so on, the name of the list.
  var referenceSlots: [EdgeSlot] { get }
  /// The file in a folder for which the folder's name stands, of formats whose images are folders.
  var folderEntry: String? { get }
  /// Further children, which users alone can name; attached before `open`.
  var childOptions: [ChildOption] { get }
  /// The options that `create` accepts.
  var creationOptions: OptionList { get }
  /// The options that `amend` accepts.
  var amendOptions: OptionList { get }

  /// Whether a new image with these creation options has to be told its length.
  func needsSize(_ options: OptionObject) -> Bool

  /// The guest-visible length in bytes of a new image for which `size` bytes are asked: as many, or more where the format
  /// has no such disks.
  ///
  /// - Throws: kind `tooLarge` where it has none as long.
  func lengthOfNew(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64

  /// Whether an image that was just made with these creation options reads as zero everywhere, where its storage
  /// does or does not.
  func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool

  /// The driver's own options with which an image is opened that was just made with these creation options.
  func openOptions(forNew options: OptionObject) -> OptionObject

  /// How sure the format is that an image is its own, and by what it knows that; nil for not at all. The guess is never
  /// trusted for more than choosing a driver.
  func probe(_ input: ProbeInput) -> Recognition?

  /// The ranges of a file of so many bytes by which programs know the format: where an image is made in place, they are
  /// cleared first and written last. The start is among them, the end where the format has a footer there.
  func tellingRanges(inFileOf length: UInt64) -> [Range<UInt64>]

  /// Reads what is needed to serve the image. Opens no other file; names found in the image are returned.
  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver

  /// The creation options with which images are written from start to end, so that a pipe takes them; empty where all are,
  /// nil where none is.
  var orderedOptions: OptionObject? { get }

  /// Fills an empty file with an empty image.
  func create(_ request: CreateRequest) throws(BlockError)
}

extension DriverKind {
  /// Formats are not storage.
  package var isProtocol: Bool { false }
  /// Formats are not filters.
  package var isFilter: Bool { false }
  /// The name of storage is its prefix.
  package var namePrefixes: [StoragePrefix] { isProtocol ? [StoragePrefix(name)] : [] }
  /// The file name, where there is one.
  package func storageName(_ options: OptionObject) -> String? { options["filename"]?.string }
  /// Finds nothing.
  package func find(_ path: String, beneath folder: String?) throws(BlockError) -> FoundFile? { nil }
  /// Signs tell most formats.
  package var isPlain: Bool { false }
  /// They may be changed.
  package var isReadOnly: Bool { false }
  /// No backing file.
  package var supportsBacking: Bool { false }
  /// Nothing is compressed.
  package var supportsCompression: Bool { false }
  /// Where it may hold compressed data at all.
  package func compressesOnDemand(_ options: OptionObject) -> Bool { supportsCompression }
  /// No bitmaps.
  package func supportsBitmaps(_ options: OptionObject) -> Bool { false }
  /// Images are read and written.
  package var driverTypes: [any BlockDriver.Type] { [] }
  /// The format's tables and data lie there.
  package var fileRole: EdgeRole { .image }
  /// `file`.
  package var fileOption: String? { "file" }
  /// None.
  package var alias: String? { nil }
  /// None.
  package var referenceSlots: [EdgeSlot] { [] }
  /// Images are files.
  package var folderEntry: String? { nil }
  /// None.
  package var childOptions: [ChildOption] { [] }
  /// Images have a length.
  package func needsSize(_ options: OptionObject) -> Bool { true }
  /// As many as are asked for.
  package func lengthOfNew(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64 { size }
  /// No options.
  package var creationOptions: OptionList { [] }
  /// No options.
  package var amendOptions: OptionList { [] }
  /// New images read as their storage does.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool { storageReadsZero }
  /// None are needed.
  package func openOptions(forNew options: OptionObject) -> OptionObject { [:] }
  /// The start, long enough for most magic numbers and for a partition table.
  package func tellingRanges(inFileOf length: UInt64) -> [Range<UInt64>] { [0..<4096] }
  /// Recognises nothing.
  package func probe(_ input: ProbeInput) -> Recognition? { nil }
  /// They are written all over.
  package var orderedOptions: OptionObject? { nil }
  /// Whether images that are made with these creation options are written from start to end.
  package func isWrittenInOrder(_ options: OptionObject) -> Bool {
    orderedOptions?.entries.allSatisfy { options[$0.key] == $0.value } == true
  }
  /// Refuses.
  package func create(_ request: CreateRequest) throws(BlockError) { throw noCreation }

  /// Whether images are made, alone or, as a bundle, of others: all that are have options.
  package var makesImages: Bool { !creationOptions.specs.isEmpty }

  /// - Parameter alone: whether an image is to be made by itself, which bundles of others are not.
  /// - Throws: kind `unsupported` where images are only read, or where there are none.
  package func requireCreation(alone: Bool = false) throws(BlockError) {
    guard makesImages, !alone || !(self is any BundlingKind) else { throw noCreation }
  }

  private var noCreation: BlockError {
    BlockError(
      .unsupported, "Format driver '\(name)' does not support image creation",
      advice: self is any BundlingKind
        ? "'convert -O \(name)' makes one of disks." : isFilter ? .filterHasNoImages : .onlyReadFormat)
  }
}

/// The request to open a driver.
package struct OpenRequest {
  /// The node to be: its edge in slot `file` is attached where the driver is a format.
  package let node: Node
  /// How the node is to be open.
  package let flags: NodeFlags
  /// Whether another image has this one as a part, and not as its backing file.
  package var isPart = false
  /// The file to be opened, where it was found by a name in another image; a path in the options is only its name then.
  package let found: FoundFile?
  /// The driver's own options. The driver takes out the ones that it understands; the rest is refused by name.
  package var options: OptionObject
  /// Where the secrets come from that options name.
  package let secrets: any SecretSource
  /// What else options name.
  package let objects: DefinedObjects
  /// Bytes of memory that the image's tables may take together; nil for no more than the format's own limits.
  package var tableBudget: UInt64?
  /// Bytes of memory that caches of the image's tables may take where the user says nothing: the layers of a chain share
  /// what there is.
  package let cacheBytes: UInt64
  /// Tells users at once what they should hear before the image is open.
  package let warn: (OpenWarning) -> Void

  let graph: Graph

  /// Whether nobody vouches for the image.
  package var isUntrusted: Bool { tableBudget != nil }

  /// The edge in slot `file`.
  ///
  /// - Throws: kind `invalidArgument` where nothing stands there.
  package func file() throws(BlockError) -> Edge {
    guard let file = node.file else {
      throw BlockError(.invalidArgument, "A block device must be specified for \"file\"")
    }
    return file
  }
}

/// The result of opening.
package struct OpenedDriver {
  /// The driver, ready for I/O once the children below are attached.
  package var driver: any BlockDriver
  /// The role of the edge in slot `file`.
  package var fileRole: EdgeRole
  /// Further images that this one names.
  package var references: [ImageReference]
  /// Warnings about the image, for the user.
  package var warnings: [OpenWarning] = []

  /// Makes a result.
  package init(_ driver: any BlockDriver, fileRole: EdgeRole = .image, references: [ImageReference] = []) {
    self.driver = driver
    self.fileRole = fileRole
    self.references = references
  }
}

/// Another image that an image names in its own bytes. Whether it is followed is the open gate's decision.
package struct ImageReference: Sendable {
  /// The slot that the named image takes.
  package var slot: EdgeSlot
  /// The role that it will have for the node.
  package var role: EdgeRole
  /// The name as it stands in the image.
  package var name: String
  /// Further names, which are tried in order where there is no file of the first, or where it may not be followed.
  package var otherNames: [String] = []
  /// Whether storage is named, whose bytes are taken as they are and never looked at to find out what they are; an image
  /// otherwise.
  package var isStorage: Bool
  /// The ranges of the file that the image itself stands in which are the other image, put end to end: then no name is
  /// followed, and the name is only shown.
  package var parts: [Range<UInt64>]?
  /// The files that are the other image, put end to end, where it stands in several: each by the names that it may have.
  package var pieces: [[String]] = []
  /// The slots of those files below what puts them together.
  package static let pieceSlots = EdgeSlot(rawValue: "pieces")
  /// Makes what the image stands in of the file that holds it packed; nil where it is not. It is only read.
  package var unpack: (@Sendable (Edge) throws(BlockError) -> any StorageDriver)?
  /// Whether it does not matter where there is no file of any name.
  package var isOptional = false
  /// Whether names may only lead to files in the image's own folder or below it, by way of no link.
  package var staysInFolder = false
  /// Looks at the image that was opened, by any of the names, and returns warnings for the user; throws, in words of
  /// its own, where it is not the one that is meant. No other name is tried then.
  package var check: (@Sendable (Node) throws(BlockError) -> [OpenWarning])?
  /// The format as it stands in the image, if it does.
  package var format: String?

  /// Makes a reference.
  package init(slot: EdgeSlot, role: EdgeRole, name: String, format: String?, isStorage: Bool = false) {
    self.isStorage = isStorage
    self.slot = slot
    self.role = role
    self.name = name
    self.format = format
  }

  /// Whether the other image stands in something that is put together of files, or unpacked.
  var isContained: Bool { parts != nil || !pieces.isEmpty }

  /// All names, in the order in which they are tried.
  package var names: [String] { [name] + otherNames }
}

/// The request to make an image.
package struct CreateRequest {
  /// The empty file; the edge holds write and resize.
  package let file: Edge
  /// Guest-visible length in bytes: as `lengthOfNew` tells it, in whole sectors.
  package let size: UInt64
  /// Checked creation options: every key is one of `creationOptions`, `size`, `backing_file` and `backing_fmt` included.
  package let options: OptionObject
  /// Where the secrets come from that options name.
  package let secrets: any SecretSource
  /// Makes what the image has besides.
  package let files: any ImageFiles
  /// What the backing file is told apart by, where there is one, it was opened, and its format knows it.
  package let backing: ImageIdentity?

  /// Makes a request.
  package init(
    file: Edge, size: UInt64, options: OptionObject, secrets: any SecretSource = NoSecrets(),
    files: any ImageFiles = NoFurtherFiles(), backing: ImageIdentity? = nil
  ) {
    self.backing = backing
    self.file = file
    self.size = size
    self.options = options
    self.secrets = secrets
    self.files = files
  }
}
