// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// The rules of services for the images that they take.
enum VpcProfile {
  /// What Azure would refuse an image for: it takes fixed disks of whole MiB, from 20 MiB to 32 TiB, and goes by the
  /// stated size.
  static func deviations(_ footer: VpcFooter, fileLength: UInt64) -> [String] {
    var lines: [String] = []
    let size = footer.currentSize
    if footer.kind != .fixed { lines.append("the disk is not a fixed one") }
    if size % VpcChoice.azureUnit != 0 { lines.append("the disk of \(size) bytes is no whole number of MiB") }
    if !VpcChoice.azureSizes.contains(size) {
      lines.append("the disk of \(size) bytes is not between 20 MiB and 32 TiB long")
    }
    if footer.kind == .fixed, fileLength != size + UInt64(VpcFooter.length) {
      lines.append("the file of \(fileLength) bytes is not the disk of \(size) bytes and a footer")
    }
    if footer.isSavedState { lines.append("a machine's state was saved beside it") }
    if footer.id == .none { lines.append("it has no id") }
    return lines
  }
}

extension VpcFixedDriver: ProfilingDriver {
  var profiles: [String] { VpcChoice.Target.allCases.map(\.rawValue) }

  func deviations(from profile: String, _ node: Node) throws(BlockError) -> [String] {
    VpcProfile.deviations(footers.current, fileLength: node.file?.length ?? 0)
  }
}

extension VpcDriver: ProfilingDriver {
  var profiles: [String] { VpcChoice.Target.allCases.map(\.rawValue) }

  func deviations(from profile: String, _ node: Node) throws(BlockError) -> [String] {
    VpcProfile.deviations(footers.current, fileLength: node.file?.length ?? 0)
  }
}
