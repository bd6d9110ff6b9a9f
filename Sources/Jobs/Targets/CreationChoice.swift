// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// The creation options of a new image, as a user gives them and as its format and its storage take them.
struct CreationChoice {
  /// The options that may be given.
  let list: OptionList
  /// The options that were given, in order, with those that have an option of their own on the command line.
  let written: KeyValueList
  /// The same, each of its type.
  let values: OptionObject

  /// - Parameters:
  ///   - backing: the backing file's name; wins over the list.
  ///   - backingFormat: the backing file's format; wins over the list.
  /// - Throws: for an option that the format does not know, or text that is no value of it.
  init(
    _ given: KeyValueList, backing: String?, backingFormat: String?, for kind: any DriverKind,
    _ opener: Opener
  ) throws(BlockError) {
    let list = opener.kinds.creationOptions(of: kind)
    var written = given
    if let backing {
      guard list["backing_file"] != nil else {
        throw BlockError(
          .unsupported, "Backing file not supported for file format '\(kind.name)'",
          advice: "'formats' tells which formats have backing files.")
      }
      written.append(KeyValueList([KeyValueList.Item(key: "backing_file", value: backing)]))
    }
    if let backingFormat {
      guard list["backing_fmt"] != nil else {
        throw BlockError(.unsupported, "Backing file format not supported for file format '\(kind.name)'")
      }
      written.append(KeyValueList([KeyValueList.Item(key: "backing_fmt", value: backingFormat)]))
    }
    if let stated = written["backing_fmt"], opener.ownName(ofFormat: stated) != stated {
      written.append(
        KeyValueList([KeyValueList.Item(key: "backing_fmt", value: opener.ownName(ofFormat: stated))]))
    }
    if let name = written[Destination.option] {
      written = try CreationChoice.written(written, for: Destination(name, format: kind.name), kind)
    }
    (self.list, self.written) = (list, written)
    values = try list.parse(written)
  }

  /// The options that were given, and those that follow from where the image is going.
  private static func written(_ given: KeyValueList, for destination: Destination, _ kind: any DriverKind)
    throws(BlockError) -> KeyValueList
  {
    guard let options = (kind as? any DestinedKind)?.creationOptions(for: destination) else { return given }
    var written = given
    for item in options.required {
      guard let stated = given[item.key] else {
        written.append(KeyValueList([item]))
        continue
      }
      guard stated == item.value else {
        throw BlockError(
          .invalidArgument,
          "\(destination.words) takes images with \(item.key)=\(item.value), not '\(stated)'",
          advice: "Leave '\(item.key)' out: it follows from '\(Destination.option)'.")
      }
    }
    for item in options.usual where given[item.key] == nil { written.append(KeyValueList([item])) }
    return written
  }
}
