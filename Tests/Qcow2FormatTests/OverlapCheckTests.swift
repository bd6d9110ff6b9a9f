// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

/// Writes that a damaged table leads to other tables. The header is no place that a table can lead to.
@Suite struct OverlapCheckTests {
  private let folder = TemporaryFolder()

  /// A kind of table, and an image whose first guest cluster lies there.
  struct Kind: Sendable, CustomTestStringConvertible {
    /// As the option has it.
    let name: String
    /// As messages have it.
    let shown: String
    let shape: SampleQcow2.Shape
    let place: @Sendable (SampleQcow2) -> Int

    init(
      _ name: String, _ shown: String, _ shape: SampleQcow2.Shape = .plain,
      _ place: @escaping @Sendable (SampleQcow2) -> Int
    ) {
      self.name = name
      self.shown = shown
      self.shape = shape
      self.place = place
    }

    var testDescription: String { name }

    var image: SampleQcow2 {
      var image = SampleQcow2(shape)
      let unused = 13 << 12
      image.set(unused, [UInt8](repeating: 0, count: 4096))
      image.set64(image.l1, UInt64(image.l2) | 1 << 63)
      image.set16(image.refcountBlock + 8, 1)
      // Where snapshots' tables are looked at, this is the only one.
      if shape == .snapshot {
        image.set64(image.snapshotL1, UInt64(unused))
        image.set16(image.refcountBlock + 26, 1)
      }
      image.set64(image.l2, UInt64(place(image)) | 1 << 63)
      return image
    }
  }

  static let kinds = [
    Kind("active-l1", "active L1 table") { $0.l1 }, Kind("active-l2", "active L2 table") { $0.l2 },
    Kind("refcount-table", "refcount table") { $0.refcountTable },
    Kind("refcount-block", "refcount block") { $0.refcountBlock },
    Kind("snapshot-table", "snapshot table", .snapshot) { $0.snapshotTable },
    Kind("inactive-l1", "inactive L1 table", .snapshot) { $0.snapshotL1 },
    Kind("inactive-l2", "inactive L2 table", .snapshot) { _ in 13 << 12 },
    Kind("bitmap-directory", "bitmap directory", .bitmaps) { $0.bitmapDirectory },
  ]

  /// The message with which a write is refused, if it is; then the image must have nothing changed but the mark.
  private func refusal(_ kind: Kind, _ options: OptionObject) throws -> String? {
    let image = kind.image
    try image.write(to: folder)
    let session = try ImageSession(folder.file("sample.qcow2"), options: options)
    var message: String?
    do throws(BlockError) {
      try session.write(512, [1, 2, 3])
      try session.edge.flush()
    } catch {
      #expect(error.kind == .corrupt)
      message = error.message
    }
    try? session.close()
    guard message != nil else { return nil }
    var after = Shell.readFile(folder.file("sample.qcow2"))
    #expect(after[79] == 2, "the image is marked as corrupt")
    after[79] = 0
    // A bitmap that follows writes is marked before the write that is refused.
    if kind.shape == .bitmaps { after[image.bitmapDirectory + 15] &= 2 }
    #expect(after == image.bytes, "nothing but the mark was written")
    return message
  }

  @Test(
    "each check by itself refuses the write and marks the image; without it the write goes on",
    arguments: kinds)
  func single(_ kind: Kind) throws {
    let message = try refusal(kind, ["overlap-check": ["template": "none", kind.name: true]])
    #expect(
      message
        == "qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with \(kind.shown)); "
        + "further corruption events will be suppressed")
    #expect(try refusal(kind, ["overlap-check": ["template": "all", kind.name: false]]) == nil)
  }

  @Test(
    "templates refuse what the peer's refuse", arguments: kinds, ["none", "constant", "cached", "all", ""])
  func templates(_ kind: Kind, _ template: String) throws {
    let message = try refusal(kind, template.isEmpty ? [:] : ["overlap-check": .string(template)])
    try kind.image.write(to: folder, as: "peer.qcow2")
    let peer = Shell.run(
      "qemu-io -c \"open ${1:+-o overlap-check=$1} peer.qcow2\" -c 'write 512 512' 2>&1", template,
      folder: folder.path)
    #expect((message != nil) == peer.output.contains("overlaps with"), "\(peer.output)")
    if let message { #expect(peer.output.contains(message)) }
  }
}
