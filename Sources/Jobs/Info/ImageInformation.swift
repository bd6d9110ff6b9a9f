// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes

/// The facts that can be told of one open image without reading its data.
package struct ImageInformation: Sendable {
  /// The name that opens the image: its file's, or `json:{…}` where options make a difference.
  package let name: String
  /// The name of its driver.
  package let driver: String
  /// Guest-visible length in bytes.
  package let virtualSize: UInt64
  /// Bytes that the image's own file takes on its storage, where the storage knows.
  package let actualSize: UInt64?
  /// The facts that its format states.
  package let format: FormatInformation?
  /// The backing file's name as it opens from here, where there is a backing file.
  package let backingPath: String?
  /// The limits that the image sets to requests.
  package let limits: Limits
  /// Whether it was left in a state that needs repair, where somebody would know.
  package let isDirty: Bool?

  /// Looks at an open image.
  package init(of node: Node) {
    name = ImageInformation.name(of: node)
    driver = node.driver.name
    // Disks consist of sectors, also where a file ends in the middle of one.
    virtualSize = node.length.roundedUp(to: 512) ?? node.length
    actualSize = node.allocatedLength
    format = node.driver.formatInformation(of: node)
    backingPath = format?.backing.map {
      ImageName.resolve($0.name, relativeTo: ImageInformation.path(of: node))
    }
    limits = node.limits
    // Of a raw disk somewhere else nobody here knows.
    isDirty = if let format { format.isDirty } else { NamedNode(node.storage).isOnThisMachine ? false : nil }
  }
}
