// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Host
package import Options

/// Files and block devices of this machine.
package struct FileStorage: DriverKind {
  /// `file`, or `host_device` where only a device will do.
  package let name: String
  private let acceptsFiles: Bool

  /// Regular files only.
  package static let file = FileStorage(name: "file", acceptsFiles: true)
  /// Devices only.
  package static let device = FileStorage(name: "host_device", acceptsFiles: false)

  /// Storage.
  package var isProtocol: Bool { true }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec(
        "preallocation", .string, "Preallocation mode (allowed values: off, falloc, full)",
        values: ["off", "falloc", "full"]),
      OptionSpec("nocow", .bool, "Turn off copy-on-write (valid only on btrfs)"),
      OptionSpec("extent_size_hint", .size, "Extent size hint for the image file, 0 to disable"),
    ]
  }

  /// Finds a file or a device.
  package func find(_ name: String, beneath folder: String?) throws(BlockError) -> FoundFile? {
    guard !name.isEmpty else { throw nameMissing }
    if let folder { return try FoundFile(name, beneath: folder) }
    return try FoundFile(path: name)
  }

  /// Opens the file that the option `filename` names.
  ///
  /// - Throws: the system's reason; kind `invalidArgument` for what is no file or device; kind `conflict` later,
  ///   when another program's lock stands against the node's permissions.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let path = try request.options.takeString("filename"), !path.isEmpty else { throw nameMissing }
    let locking = try takeLocking(&request.options)
    try takeAsynchronousMode(&request.options)
    // Both are about handing an image over to another machine while it is open, which does not happen here.
    _ = try request.options.takeBool("drop-cache")
    _ = try request.options.takeBool("x-check-cache-dropped")
    let file = try openFile(path, request.found, flags: request.flags)
    return OpenedDriver(FileDriver(file, path: path, name: name, locking: locking))
  }

  private var nameMissing: BlockError {
    BlockError(.invalidArgument, "The '\(name)' block driver requires a file name")
  }

  private func openFile(_ path: String, _ found: FoundFile?, flags: NodeFlags) throws(BlockError) -> File {
    // Looked at before opening: opening a device or FIFO can have effects of its own.
    let found = try place(path, found)
    try refuse(found.kind, at: path)
    return try inFile(path) { () throws(BlockError) in try found.open(FileDriver.mode(flags)) }
  }

  private func place(_ path: String, _ found: FoundFile?) throws(BlockError) -> FoundFile {
    if let found { return found }
    return try inFile(path) { () throws(BlockError) in try FoundFile(path: path) }
  }

  private func refuse(_ kind: File.Kind, at path: String) throws(BlockError) {
    let fits =
      switch kind {
      case .regular: acceptsFiles
      case .blockDevice, .characterDevice: !acceptsFiles
      case .directory, .pipe, .other: false
      }
    guard !fits else { return }
    throw BlockError(
      .invalidArgument,
      "'\(name)' driver requires '\(path)' to be "
        + (acceptsFiles ? "a regular file" : "either a character or block device"))
  }

  private func takeLocking(_ options: inout OptionObject) throws(BlockError) -> Bool {
    switch try options.takeString("locking") {
    case nil, "auto", "on": return true
    case "off": return false
    case .some(let other): throw BlockError(.invalidArgument, "invalid parameter value: \(other)")
    }
  }

  /// Takes out how requests shall reach the system. It is a wish about the way, not about what is done: threads serve
  /// all.
  private func takeAsynchronousMode(_ options: inout OptionObject) throws(BlockError) {
    switch try options.takeString("aio") {
    case nil, "threads", "native", "io_uring": break
    case .some(let other): throw BlockError(.invalidArgument, "invalid parameter value: \(other)")
    }
    _ = try options.takeNumber("aio-max-batch")
  }
}
