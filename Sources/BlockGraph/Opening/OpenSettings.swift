// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// How a user wants an image opened.
package struct OpenSettings: Sendable {
  /// The format, or nil to look at the content.
  package var format: String?
  /// Flags for the image; its backing files are opened with the same, read-only.
  package var flags: NodeFlags
  /// Whether backing files are opened too.
  package var followsBacking: Bool
  /// The internal snapshot to serve instead of the present state: id or name.
  package var snapshot: SnapshotSelector?
  /// Whether another image has it as a part, and not as its backing file.
  package var isPart = false

  /// Read-only, format by content, with the chain.
  package init(
    format: String? = nil, flags: NodeFlags = [], followsBacking: Bool = true,
    snapshot: SnapshotSelector? = nil
  ) {
    self.format = format
    self.flags = flags
    self.followsBacking = followsBacking
    self.snapshot = snapshot
  }
}

/// A warning for the user about how an image was opened.
package enum OpenWarning: Sendable, Equatable {
  /// The image with this name was only guessed to be raw, and is open for writing.
  case guessedRaw(String)
  /// An option is stated in a form that is on its way out.
  case deprecated(String)
  /// The image's bitmaps mean nothing any more, since it was written by a program that does not know them.
  ///
  /// - Parameter isOldVersion: whether the image is of a version that has no bitmaps.
  case staleBitmaps(isOldVersion: Bool)
  /// The file with this name is not replaced when all is done but overwritten at once, for the reason given.
  case overwritten(String, because: String)
  /// Something else that is worth knowing.
  case remark(String)
}

/// The choice of an internal snapshot.
package enum SnapshotSelector: Sendable, Equatable {
  /// The one with this id or, where there is none, with this name.
  case idOrName(String)
  /// The one with this id and this name, each where given.
  case exactly(id: String?, name: String?)
}

/// How much a user cares that writes survive a crash, as cache modes name it.
package enum CacheMode: String, Sendable, CaseIterable {
  /// Past the page cache; flushes are honoured.
  case none
  /// Through the page cache; flushes are honoured.
  case writeback
  /// Through the page cache; each write is durable before it is done.
  case writethrough
  /// Past the page cache; each write is durable before it is done.
  case directsync
  /// Through the page cache; flushes are ignored.
  case unsafe

  /// The flags that the mode means.
  package var flags: NodeFlags {
    switch self {
    case .none: [.direct]
    case .writeback: []
    case .writethrough: [.writeThrough]
    case .directsync: [.direct, .writeThrough]
    case .unsafe: [.noFlush]
    }
  }

  /// The mode called `name`; `off` is an old name of `none`.
  package init?(named name: String) {
    self.init(rawValue: name == "off" ? "none" : name)
  }
}
