// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Bytes
package import Options

/// The qcow2 format, versions 2 and 3.
package struct Qcow2Format: DriverKind {
  /// The format.
  package init() {}

  /// `qcow2`.
  package var name: String { "qcow2" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [Qcow2Driver.self] }
  /// Images may have one.
  package var supportsBacking: Bool { true }
  /// Guest data may lie in a file of its own.
  package var referenceSlots: [EdgeSlot] { [.dataFile] }
  /// Clusters may be compressed.
  package var supportsCompression: Bool { true }
  /// From version 3 on. Wrong options are told when the image is made.
  package func supportsBitmaps(_ options: OptionObject) -> Bool {
    (try? CreationOptions(options)).map { $0.version >= 3 } ?? true
  }

  /// Certain where the magic and a version from 2 on stand at the start.
  package func probe(_ input: ProbeInput) -> Recognition? {
    let head = input.head.bytes
    guard head.byteCount >= 8, head.big32(at: 0) == Header.magic, head.big32(at: 4) >= 2 else { return nil }
    return Recognition(by: "the magic number at byte 0, version \(head.big32(at: 4))")
  }

  /// Reads header, L1 table, refcount table and snapshot table.
  ///
  /// - Throws: the defect of one of them, in `qemu-img`'s words.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    try Qcow2Format.openDriver(&request)
  }

  /// The options that `create` accepts.
  package var creationOptions: OptionList { CreationOptions.list }

  /// The options that `amend` accepts.
  package var amendOptions: OptionList { AmendPlan.list }

  /// Unallocated ranges read as zeros whatever the storage held before.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    let allocates = options["preallocation"].map { $0.string != Preallocation.off.rawValue } ?? false
    return storageReadsZero || !allocates && options["data_file"] == nil
  }

  /// The secret that the image was made with opens it.
  package func openOptions(forNew options: OptionObject) -> OptionObject {
    var result = OptionObject()
    result["encrypt.key-secret"] = options["encrypt.key-secret"]
    return result
  }

  /// Writes header and tables of an empty image.
  ///
  /// - Throws: the defect of the options, in `qemu-img`'s words.
  package func create(_ request: CreateRequest) throws(BlockError) {
    try Qcow2Format.makeImage(request)
  }
}
