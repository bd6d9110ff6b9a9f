// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host

/// A look at all digests of an appliance: which are wrong, which are missing, and which are of no file.
struct ManifestCheck {
  private let manifest: OvfManifest
  private let appliance: Appliance

  init(_ manifest: OvfManifest, _ appliance: Appliance) {
    self.manifest = manifest
    self.appliance = appliance
  }

  private static func digest(
    _ entry: OvfManifest.Entry, of range: Range<UInt64>, in file: Edge, _ context: JobContext
  ) throws(BlockError) -> [UInt8] {
    try ContentHash(entry.algorithm).digest(of: range, in: file, context)
  }

  private static func missing(_ name: String) -> String { "the manifest has no digest of '\(name)'" }

  private static func surplus(_ name: String) -> String {
    "the manifest has a digest of '\(name)', which is no file of the appliance"
  }

  /// Holds the members of an archive against their digests.
  func members(in file: Edge, _ context: JobContext, _ note: (String) -> Void) throws(BlockError) {
    var found: Set<String> = []
    for (name, entry) in manifest.entries.sorted(by: { $0.key < $1.key }) {
      guard let member = appliance.member(name) else {
        note(ManifestCheck.surplus(name))
        continue
      }
      found.insert(member.name)
      if try ManifestCheck.digest(entry, of: member.range, in: file, context) != entry.digest {
        note(entry.words(of: name))
      }
    }
    for member in appliance.listed where !found.contains(member.name) {
      note(ManifestCheck.missing(member.name))
    }
  }

  /// Holds the description and the files of the disk that is shown against their digests. Other files are not open.
  func files(
    beside path: String, pieces: [(names: [String], file: Edge)], _ context: JobContext,
    _ note: (String) -> Void
  ) throws(BlockError) {
    let (description, text) = appliance.description
    var found: Set<String> = []
    if let entry = manifest.entries[description] {
      found.insert(description)
      let hash = try ContentHash(entry.algorithm).begin()
      try hash.update(text)
      if try hash.finish() != entry.digest { note(entry.words(of: description)) }
    } else {
      note(ManifestCheck.missing(description))
    }
    for (names, file) in pieces {
      let named = names.filter { manifest.entries[$0] != nil }
      if named.isEmpty { note(ManifestCheck.missing(names.first ?? "")) }
      for name in named {
        guard let entry = manifest.entries[name] else { continue }
        found.insert(name)
        if try ManifestCheck.digest(entry, of: 0..<file.length, in: file, context) != entry.digest {
          note(entry.words(of: name))
        }
      }
    }
    let folder = FilePaths.folder(of: path)
    for name in manifest.entries.keys.sorted() where !found.contains(name) {
      if FilePaths.kind(of: FilePaths.join(folder, name)) == nil {
        note(ManifestCheck.surplus(name))
      } else {
        context.warn(
          BlockError(
            .unsupported, "'\(name)' is no part of the disk, its content is not verified", naming: name))
      }
    }
  }
}
