// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// A filter above an overlay: data that is read from below the overlay is written to it, so that it need not be fetched
/// a second time.
package struct CopyOnReadFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `copy-on-read`.
  package var name: String { "copy-on-read" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows what the overlay shows.
  package var fileRole: EdgeRole { [.filtered, .primary] }

  /// Stands above the image that the option `file` states; has no options of its own.
  ///
  /// Nodes must be writable, as copying writes to the image; it is `readOnly` errors that refuse others.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    OpenedDriver(CopyOnReadDriver(), fileRole: fileRole)
  }
}
