// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// Whether a new image can hold its data at all, told before hours of work instead of after.
///
/// Counts only what is certain to be written. Where the file system may store less than that, or where only a part of
/// the data was looked at, this is a warning.
struct SpaceCheck {
  /// The image to be made.
  let path: String
  /// Its creation options, parsed.
  let values: OptionObject
  /// Whether zeros are written, too.
  let writesZeros: Bool
  /// Whether `-c` makes it smaller.
  let mayCompress: Bool

  /// Bytes that a copy takes.
  private struct Need {
    /// No copy takes less.
    var least: UInt64
    /// Most likely.
    var likely: UInt64
  }

  /// Refuses a copy of `sources`, `length` bytes together, that cannot fit, and warns of one that is not likely to.
  ///
  /// - Throws: kind `noSpace` with both numbers.
  func refuseHopeless(_ sources: [Edge], length: UInt64, warn: (String) -> Void) throws(BlockError) {
    let place = FilePaths.resolvingLinks(path)
    guard let free = freeSpace(place), length > free.forEverybody else { return }
    let need = self.need(sources, length)
    guard need.likely > free.forEverybody else { return }
    let kept = room(at: place)
    if free.isCertain, need.least > free.all.plus(kept.isGivenUp ? kept.bytes : 0) ?? .max {
      var error = shortage(need.least, free.all)
      if !kept.isGivenUp, need.least <= free.all.plus(kept.bytes) ?? .max {
        error.advice = TargetFiles.roomForBoth
      }
      throw error
    }
    guard need.likely > free.forEverybody.plus(kept.isGivenUp ? kept.bytes : 0) ?? .max else { return }
    warn(shortage(need.likely, free.forEverybody).message)
  }

  private func shortage(_ need: UInt64, _ free: UInt64) -> BlockError {
    let compressing = mayCompress ? "compress with -c, " : ""
    return BlockError(
      .noSpace, "'\(path)' needs at least \(need) bytes, and its file system has \(free) bytes free",
      naming: path,
      advice:
        "Make room, name a place on another file system, \(compressing)or start all the same with --force.")
  }

  private func need(_ sources: [Edge], _ length: UInt64) -> Need {
    if writesZeros || reservesAll { return Need(least: length, likely: length) }
    let content = CompressibilityEstimate(sources: sources).content()
    return Need(least: content.least, likely: content.likely)
  }

  /// The free space where the file is to be, nil where that says nothing about the copy.
  private func freeSpace(_ place: String) -> FreeSpace? {
    // With a backing or data file, other content counts.
    guard values["backing_file"] == nil, values["data_file"] == nil else { return nil }
    // A link to a pipe leads nowhere that has a name.
    switch FilePaths.kind(of: path) {
    case nil, .regular: return FilePaths.freeSpace(in: FilePaths.folder(of: place))
    case .blockDevice, .characterDevice, .directory, .pipe, .other: return nil
    }
  }

  /// The space that the file standing there takes, and whether it is free for the new one.
  private func room(at place: String) -> (bytes: UInt64, isGivenUp: Bool) {
    guard FilePaths.kind(of: place) == .regular, let file = try? File(path: place, mode: []),
      let bytes = try? file.allocatedLength()
    else { return (0, false) }
    do throws(BlockError) {
      _ = try StagedFile(path: place)
      return (bytes, false)
    } catch {
      return (bytes, error.kind == .refused)
    }
  }

  private var reservesAll: Bool {
    let mode = values["preallocation"]?.string
    return mode == Preallocation.falloc.rawValue || mode == Preallocation.full.rawValue
  }
}
