// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// An NBD server that tells every client of an export of some length, as servers did before there were options, and
/// nothing more.
package final class ImpossibleExport: Sendable {
  /// The URI of the export.
  package let uri: String
  private let listener: Listener

  /// Listens at a socket in `folder`; nil where the system does not let it.
  package init?(length: UInt64, in folder: TemporaryFolder) {
    let path = folder.file("export")
    uri = "nbd+unix:///?socket=" + path
    let greeting = ImpossibleExport.greeting(length)
    guard
      let listener = Listener(
        at: path,
        serve: {
          $0.send(greeting); $0.awaitEnd()
        })
    else { return nil }
    self.listener = listener
  }

  /// Magic, the old handshake's magic, length, flags, reserved.
  private static func greeting(_ length: UInt64) -> [UInt8] {
    Array("NBDMAGIC".utf8) + [0x00, 0x00, 0x42, 0x02, 0x81, 0x86, 0x12, 0x53] + bigEndian(length)
      + [0, 0, 0, 1] + [UInt8](repeating: 0, count: 124)
  }
}
