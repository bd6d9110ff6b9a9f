// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Errors

extension VpcFormat: DestinedKind {
  /// Azure goes by the stated length, and takes fixed disks only.
  package func creationOptions(for destination: Destination) -> DestinedOptions {
    DestinedOptions(
      required: destination == .azure
        ? ["subformat": "fixed", "force_size": "on"] : ["force_size": "on"])
  }
}

extension VpcFooter {
  /// What a destination would refuse an image for that has this footer, in a file of so many bytes.
  func deviations(from destination: Destination, fileLength: UInt64) -> [String] {
    var lines: [String] = []
    if destination == .azure, kind != .fixed { lines.append("the disk is not a fixed one") }
    if kind == .fixed, fileLength != currentSize + UInt64(VpcFooter.length) {
      lines.append(
        "the file of \(fileLength) bytes is not the disk of \(currentSize) bytes and a footer")
    }
    if isSavedState { lines.append("a machine's state was saved beside it") }
    if id == .none { lines.append("it has no id") }
    return lines
  }
}

extension VpcFixedDriver: FootedDriver {}
extension VpcDriver: FootedDriver {}

/// What both kinds of images have.
protocol FootedDriver: DestinedDriver {
  var footers: VpcFooterStore { get }
}

extension FootedDriver {
  func deviations(from destination: Destination, _ node: Node) throws(BlockError) -> [String] {
    footers.current.deviations(from: destination, fileLength: node.file?.length ?? 0)
  }
}
