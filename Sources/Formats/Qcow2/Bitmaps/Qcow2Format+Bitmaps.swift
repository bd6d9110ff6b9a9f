// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

extension Qcow2Format {
  /// Reads the state of an image's bitmaps, which are held against the image where other programs do so.
  ///
  /// - Throws: kind `corrupt` or `tooLarge`, in `qemu-img`'s words, unless `flags` are those of a repair; kind
  ///   `unsupported` always, as bitmaps that are valid and not known here have to stay as they are.
  static func readBitmaps(_ header: Header, _ file: Edge, _ flags: NodeFlags) throws(BlockError)
    -> BitmapStore.State
  {
    guard let data = header.first(.bitmaps)?.data else { return .none }
    guard header.version >= 3, header.autoclear.contains(.bitmaps) else { return .stale }
    do throws(BlockError) {
      let geometry = header.geometry
      let directory = try BitmapDirectory(try BitmapsExtension(checking: data, geometry), from: file)
      try directory.check(geometry, length: header.size / 512 * 512, file)
      return .present(directory)
    } catch {
      guard error.kind == .corrupt || error.kind == .tooLarge else { throw error }
      guard flags.isSuperset(of: [.checking, .writable]) else {
        throw error.advising(
          "'check -r all \(.file)' takes bitmaps away that cannot be read; the content of the disk stays.")
      }
      return .unreadable
    }
  }

  /// The warnings about an image's bitmaps when it is opened.
  static func bitmapWarnings(_ header: Header, _ store: BitmapStore.State) -> [OpenWarning] {
    guard case .stale = store else { return [] }
    return [.staleBitmaps(isOldVersion: header.version < 3)]
  }
}
