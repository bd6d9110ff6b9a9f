// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// Whether a new image can hold its data at all, told before hours of work instead of after.
///
/// Counts only what is certain to be written; where anything could make the file smaller, nothing is said.
struct SpaceCheck {
  /// The image to be made.
  let path: String
  /// Its creation options, parsed.
  let values: OptionObject
  /// Whether zeros are written, too.
  let writesZeros: Bool

  /// Refuses a copy of `sources` that is larger than what is free.
  ///
  /// - Throws: kind `noSpace` with both numbers.
  func refuseHopeless(_ sources: [Edge]) throws(BlockError) {
    guard let free = freeSpace else { return }
    var length: UInt64 = 0
    for edge in sources { length = length.plus(edge.length) ?? .max }
    guard length > free else { return }
    var need = length
    if !writesZeros && !reservesAll {
      let data = StoredData(sources: sources)
      need = data.bytes()
      guard need > free else { return }
      need = data.leastContent(of: need)
    }
    guard need > free else { return }
    var error = BlockError(
      .noSpace, "'\(path)' needs at least \(need) bytes, and its file system has \(free) bytes free",
      advice: "Make room, name a place on another file system, compress with -c, or start all the same with "
        + "--force.")
    error.file = path
    throw error
  }

  /// Free bytes where the file is to be, nil where that says nothing about the copy.
  private var freeSpace: UInt64? {
    // With a backing or data file, other content counts.
    guard values["backing_file"] == nil, values["data_file"] == nil else { return nil }
    let place = FilePaths.resolvingLinks(path)
    switch FilePaths.kind(of: place) {
    case nil, .regular: return FilePaths.freeSpace(in: FilePaths.folder(of: place))
    case .blockDevice, .characterDevice, .directory, .other: return nil
    }
  }

  private var reservesAll: Bool {
    let mode = values["preallocation"]?.string
    return mode == Preallocation.falloc.rawValue || mode == Preallocation.full.rawValue
  }
}
