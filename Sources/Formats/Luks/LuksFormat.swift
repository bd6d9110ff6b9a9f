// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Crypto
package import Errors
internal import Host
package import Options

/// Encrypted disks: a LUKS header of version 1 or 2, and behind it the disk's sectors.
package struct LuksFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `luks`.
  package var name: String { "luks" }

  /// The options that `create` accepts.
  package var creationOptions: OptionList { LuksCreation.list }

  /// How keys can be changed.
  package var amendOptions: OptionList { LuksAmendment.list }

  /// A header may lie apart from the data.
  package var childOptions: [ChildOption] {
    [ChildOption(.header, role: .metadata, failure: "Could not open header")]
  }

  /// A header alone has no data whose size could be stated.
  package func needsSize(_ options: OptionObject) -> Bool { options["detached-header"] != true }

  /// A new disk decrypts to noise wherever nothing was written.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool { false }

  /// The secret that the disk was made with opens it.
  package func openOptions(forNew options: OptionObject) -> OptionObject {
    var result = OptionObject()
    result["key-secret"] = options["key-secret"]
    return result
  }

  /// Certain of the magic number and a known version; the second copy of a header is enough where the first is lost.
  package func probe(_ input: ProbeInput) -> Recognition? {
    if let version = LuksHeader.version(announcedBy: input.head.bytes), version == 1 || version == 2 {
      return Recognition(by: "the magic number at byte 0, version \(version)")
    }
    let sign = LuksHeader.secondarySign
    for offset in LuksHeader.copySizes where input.bytes(at: offset, count: sign.count) == sign {
      return Recognition(50, by: "a second header at byte \(offset)")
    }
    return nil
  }

  /// Opens a disk with the secret that `key-secret` names, or only its header where data is not going to be read.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let secretName = try request.options.takeString("key-secret")
    let isHeaderOnly = try request.options.takeBool("header-only") ?? false
    let file = try request.file()
    let apart = request.node.edge(.header)
    let area = EdgeArea(edge: apart ?? file)
    let place: LuksDriver.HeaderPlace = isHeaderOnly ? .alone : apart == nil ? .inFront : .apart
    let limits: LuksLimits = request.isUntrusted ? .untrusted : .usual
    var header: LuksHeader
    if let apart {
      header = try inFile(apart.child.fileName, "Could not read header") { () throws(BlockError) in
        try LuksHeader(in: area, isDetached: true, limits: limits)
      }
    } else {
      header = try LuksHeader(in: area, isDetached: isHeaderOnly, limits: limits)
      // Whether data follows, its place tells.
      if isHeaderOnly {
        header.isDetached = header.payloadOffset == 0 || header.payloadOffset > area.length
      }
    }
    if apart != nil, !isHeaderOnly, header.payloadOffset > file.length {
      throw BlockError(
        .corrupt,
        "LUKS payload offset \(header.payloadOffset) is past the end of the file (\(file.length) bytes)")
    }
    guard !request.flags.contains(.noIO) else {
      return OpenedDriver(LuksDriver(header, unlocked: nil, at: place))
    }
    let passphrase = try LuksFormat.passphrase(secretName, request.secrets)
    header.tellBeforeUnlocking(of: request.node.fileName, isUntrusted: request.isUntrusted) {
      request.warn(.remark($0))
    }
    let key = try header.unlock(passphrase, in: area)
    let unlocked = LuksDriver.Unlocked(
      key: key, passphrase: passphrase, cipher: try header.makeCipher(key))
    return OpenedDriver(LuksDriver(header, unlocked: unlocked, at: place))
  }

  /// The secret that an option names.
  static func passphrase(_ name: String?, _ secrets: any SecretSource, isNew: Bool = false) throws(BlockError)
    -> Secret
  {
    guard let name else {
      throw .noSecret("key-secret", of: "luks", isNew: isNew)
    }
    return isNew ? try secrets.newKey(named: name) : try secrets.secret(named: name)
  }

  /// Writes a header with one key; the disk behind it holds noise until it is written.
  package func create(_ request: CreateRequest) throws(BlockError) {
    var options = request.options
    let preallocation = try LuksFormat.preallocation(&options)
    var found: Secret?
    let creation = try LuksCreation(options) { name throws(BlockError) in
      found = try LuksFormat.passphrase(name, request.secrets, isNew: true)
    }
    guard let passphrase = found else { return }
    let recipe = creation.recipe
    guard request.size == 0 || !recipe.isDetached else {
      throw BlockError(
        .invalidArgument, "A detached header has no size: it says nothing about the length of its data",
        advice: "Make the file for the data by itself, such as with 'create -f raw DATA SIZE'.")
    }
    guard let length = request.size.roundedUp(to: UInt64(recipe.sectorSize)),
      let total = length.plus(recipe.headerLength), Int64(exactly: total) != nil
    else { throw BlockError(.tooLarge, "The requested file size is too large") }
    try request.file.requireRoom(for: total, preallocation)
    let area = EdgeArea(edge: request.file)
    _ = try LuksHeader.create(recipe, passphrase: passphrase, in: area)
    try request.file.truncate(to: total, exact: false, preallocation: preallocation)
  }

  /// There are no tables, so that allocating them is nothing to do.
  private static func preallocation(_ options: inout OptionObject) throws(BlockError) -> Preallocation {
    let mode = try options.takePreallocation() ?? .off
    return mode == .metadata ? .off : mode
  }
}

extension LuksFormat: MeasuringKind {
  /// The header, and as many bytes as the disk has.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    var options = request.options
    _ = try LuksFormat.preallocation(&options)
    let creation = try LuksCreation(options) { name throws(BlockError) in
      _ = try LuksFormat.passphrase(name, request.secrets, isNew: true)
    }
    // `qemu-img` counts the bytes asked for, although the disk has whole sectors.
    let sectorSize = UInt64(creation.recipe.sectorSize)
    guard let whole = sectorSize == 512 ? request.length : request.length.roundedUp(to: sectorSize),
      let total = whole.plus(creation.recipe.payloadOffset), Int64(exactly: total) != nil
    else { throw BlockError(.tooLarge, "The image size is too large") }
    // The data takes a file of its own, as long as the disk.
    guard !creation.recipe.isDetached else {
      return ImageMeasure(empty: creation.recipe.headerLength, full: creation.recipe.headerLength)
    }
    return ImageMeasure(empty: total, full: total)
  }
}

extension EdgeSlot {
  /// The file of a detached header.
  static let header = EdgeSlot(rawValue: "header")
}

/// The start of an edge's child as the place of a LUKS header.
package struct EdgeArea: LuksArea {
  /// The name of the file below.
  package var fileName: String? { edge.child.fileName }
  let edge: Edge

  /// The header at the start of an edge's child.
  package init(edge: Edge) { self.edge = edge }

  /// The child's length.
  package var length: UInt64 { edge.length }
  /// Reads from the child; bytes past its end read as zero.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try edge.read(at: offset, into: &buffer)
  }
  /// Writes to the child. The caller must hold the permission for it.
  package func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    try edge.write(at: offset, from: data)
  }
  /// Makes the child durable.
  package func flush() throws(BlockError) { try edge.flush() }
}
