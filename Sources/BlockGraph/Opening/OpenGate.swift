// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
internal import Options

/// Decides about every name that is found inside an image, before anything is opened.
public protocol OpenGate: Sendable {
  /// What the image whose file is `parent` means by `reference`.
  ///
  /// - Throws: kind `refused` where the policy does not follow it.
  func resolve(_ reference: ImageReference, foundIn parent: String) throws(BlockError) -> ImageName
}

/// The gate for images that are the user's own: names are paths on this machine, relative to the image's folder.
///
/// An image may not name remote storage, nor state options through `json:`, unless the user wrote the image's
/// chain that way.
public struct LocalFilesGate: OpenGate {
  /// Makes the gate.
  public init() {}

  /// Accepts paths and, for images that the suite's own commands make, `json:` names of local files.
  public func resolve(_ reference: ImageReference, foundIn parent: String) throws(BlockError) -> ImageName {
    if reference.name.hasPrefix("json:") {
      return try resolveOptions(reference)
    }
    if let prefix = ImageName.protocolPrefix(of: reference.name) {
      guard prefix == "file" else {
        throw BlockError(
          .refused,
          "\(reference.slot.rawValue) file '\(reference.name)': only local files may be named in an image")
      }
      let path = String(reference.name.dropFirst("file:".count))
      return ImageName(path: ImageName.resolve(path, relativeTo: parent))
    }
    return ImageName(path: ImageName.resolve(reference.name, relativeTo: parent))
  }

  private func resolveOptions(_ reference: ImageReference) throws(BlockError) -> ImageName {
    let name = try ImageName(reference.name, protocols: [])
    for entry in name.options.flattened() where entry.key.hasSuffix("driver") {
      guard let driver = entry.value.string, LocalFilesGate.drivers.contains(driver) else {
        throw BlockError(
          .refused,
          "\(reference.slot.rawValue) file '\(reference.name)': driver '\(entry.value.string ?? "")' may not be "
            + "named in an image")
      }
    }
    return name
  }

  private static let drivers: Set<String> = ["file", "raw", "qcow2"]
}

/// The gate for images that nobody vouches for: no name found in an image is followed.
public struct ClosedGate: OpenGate {
  /// Makes the gate.
  public init() {}

  /// Refuses.
  public func resolve(_ reference: ImageReference, foundIn parent: String) throws(BlockError) -> ImageName {
    throw BlockError(
      .refused, "'\(parent)' names the \(reference.slot.rawValue) file '\(reference.name)', which is not followed")
  }
}
