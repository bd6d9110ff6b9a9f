// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host

/// How far names are followed that are found inside images.
package enum ReferencePolicy: String, Sendable, CaseIterable {
  /// No name is.
  case none
  /// Names of files on this machine are.
  case local
  /// Every name is that a user could write.
  case any

  /// The gate that holds to it; `protocols` are the prefixes that lead to storage.
  func gate(protocols: [StoragePrefix]) -> any OpenGate {
    switch self {
    case .none: ClosedGate()
    case .local: LocalFilesGate()
    case .any: OpenedGate(protocols: protocols)
    }
  }
}

/// Decides about every name that is found inside an image, before anything is opened, and finds what may be.
package protocol OpenGate: Sendable {
  /// The name that the image whose file is `parent` means by `name`, one of a reference's; looks at no file.
  ///
  /// - Throws: kind `refused` where the policy does not follow it.
  func resolve(_ name: String, of reference: ImageReference, foundIn parent: String) throws(BlockError)
    -> ImageName

  /// As `resolve`, and where that is a path, finds the file in `files`: later that file is opened, or none.
  ///
  /// - Throws: kind `notFound` where there is no such file.
  func find(_ name: String, of reference: ImageReference, foundIn parent: String, in files: any DriverKind)
    throws(BlockError) -> ImageName
}

extension OpenGate {
  /// The file that the system finds.
  package func find(
    _ name: String, of reference: ImageReference, foundIn parent: String, in files: any DriverKind
  ) throws(BlockError) -> ImageName {
    var meant = try resolve(name, of: reference, foundIn: parent)
    guard let path = meant.path else { return meant }
    meant.found = try inFile(path) { () throws(BlockError) in try files.find(path, beneath: nil) }
    return meant
  }
}

/// The gate for images that are the user's own: names are paths on this machine, relative to the image's folder.
///
/// An image may name neither remote storage nor options (`json:`): these the user states, never the image.
package struct LocalFilesGate: OpenGate {
  /// Makes the gate.
  package init() {}

  /// Accepts paths. A backing file's that begins with `file:` is relative to the working folder, as written; a data
  /// file has the very name that stands there, as `qemu-img` takes it.
  package func resolve(_ name: String, of reference: ImageReference, foundIn parent: String)
    throws(BlockError) -> ImageName
  {
    guard let prefix = ImageName.protocolPrefix(of: name) else {
      return ImageName(path: ImageName.resolve(name, relativeTo: parent))
    }
    guard prefix == "file", !reference.staysInFolder else {
      throw refusal(name, of: reference, foundIn: parent, "only local files may be named in an image")
    }
    if reference.slot == .dataFile {
      let folder = parent.lastIndex(of: "/").map { parent[...$0] } ?? ""
      return ImageName(path: folder + name)
    }
    return ImageName(path: String(name.dropFirst("file:".count)))
  }

  /// The file that the system finds; of a reference that stays in the image's folder, by way of no link.
  package func find(
    _ name: String, of reference: ImageReference, foundIn parent: String, in files: any DriverKind
  ) throws(BlockError) -> ImageName {
    var meant = try resolve(name, of: reference, foundIn: parent)
    guard let path = meant.path else { return meant }
    let folder = reference.staysInFolder ? FilePaths.folder(of: parent) : nil
    do throws(BlockError) {
      meant.found = try inFile(path) { () throws(BlockError) in
        try files.find(folder == nil ? path : name, beneath: folder)
      }
    } catch {
      guard error.kind == .refused else { throw error }
      throw refusal(
        name, of: reference, foundIn: parent,
        "only files in the image's own folder may be named here, and \(error.finding)")
    }
    return meant
  }

  private func refusal(_ name: String, of reference: ImageReference, foundIn parent: String, _ reason: String)
    -> BlockError
  {
    // A file, or an image with options of its own.
    let option = reference.isStorage ? "\(reference.slot.rawValue).filename" : reference.slot.rawValue
    return BlockError(
      .refused, "'\(parent)' names '\(name)': \(reason)", naming: parent,
      advice:
        "To use it all the same, state '\(option)' yourself with json: or --image-opts, or allow every name with "
        + "--references=any.")
  }
}

/// The gate for images that nobody vouches for: no name found in an image is followed.
package struct ClosedGate: OpenGate {
  /// Makes the gate.
  package init() {}

  /// Refuses.
  package func resolve(_ name: String, of reference: ImageReference, foundIn parent: String)
    throws(BlockError) -> ImageName
  {
    let isLocal = (try? LocalFilesGate().resolve(name, of: reference, foundIn: parent)) != nil
    throw BlockError(
      .refused,
      "'\(parent)' names the \(reference.slot.fileWords) '\(name)', which is not followed",
      naming: parent,
      advice: "With --references=\(isLocal ? "local" : "any"), and without --untrusted, it is followed. "
        + "'inspect \(parent)' lists what an image refers to.")
  }
}

/// The gate for images that are trusted like the command line: every name is followed that a user could write.
package struct OpenedGate: OpenGate {
  private let protocols: [StoragePrefix]

  /// Makes the gate; `protocols` are the prefixes that lead to storage.
  package init(protocols: [StoragePrefix]) { self.protocols = protocols }

  /// Accepts paths, prefixes and `json:`.
  ///
  /// - Throws: kind `invalidArgument` for a prefix that no driver has, or for JSON that is none.
  package func resolve(_ name: String, of reference: ImageReference, foundIn parent: String)
    throws(BlockError) -> ImageName
  {
    if let local = try? LocalFilesGate().resolve(name, of: reference, foundIn: parent) { return local }
    return try ImageName(name, protocols: protocols)
  }
}
