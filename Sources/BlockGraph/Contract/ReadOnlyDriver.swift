// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

/// A format whose images are only read. Its kind says so, too, and no image is opened for writing.
package protocol ReadOnlyDriver: FormatDriver {}

extension Advice {
  /// What to do with an image whose format is only read.
  package static var onlyReadFormat: Advice {
    "Images of this format are only read: 'convert' makes images of other formats of them."
  }

  /// What to do where a filter was taken for a format.
  static var filterHasNoImages: Advice {
    "A filter stands above an image that there is, as in '--image-opts driver=FILTER,file.driver=qcow2,…'."
  }
}

extension ReadOnlyDriver {
  /// An image that is open for reading stays so.
  package func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    guard !flags.contains(.writable) else {
      throw BlockError(
        .readOnly, "Block format '\(name)' used by node '\(node.name)' does not support reopening files",
        advice: .onlyReadFormat)
    }
  }

  /// Refuses.
  package func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot
  {
    throw BlockError(.readOnly, "Image is read-only", advice: .onlyReadFormat)
  }

  /// Nothing was begun.
  package func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}
  /// Nothing is held back.
  package func flush(_ node: Node) throws(BlockError) {}
  /// What the tables call data is data.
  package func mayHaveHoles(of node: Node) -> Bool { false }
}

extension CheckingDriver where Self: ReadOnlyDriver {
  /// Only looks: images are not opened for this.
  package func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    try check(node, context, report: report)
  }
}
