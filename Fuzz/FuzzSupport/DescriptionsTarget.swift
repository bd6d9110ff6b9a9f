// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Jobs
internal import Options
internal import OvaFormat
internal import ParallelsFormat
internal import XML

/// The input is something that describes disks, which its first byte chooses: an archive with an appliance, whose sums are
/// made right; the description of one; the description of a disk of Parallels; a property list.
package enum DescriptionsTarget: FuzzTarget {
  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard let choice = input.first, input.count <= 1 << 20 else { return nil }
    let body = Array(input.dropFirst())
    switch choice % 4 {
    case 0: return open(summed(body))
    case 1: inspect(body, OvfFormat())
    case 2: inspect(body, ParallelsFormat())
    default:
      let text = Buffer(body)
      _ = try? XMLParser.parse(text.bytes, limits: .propertyList)
    }
    return nil
  }

  private static func inspect(_ bytes: [UInt8], _ kind: any InspectingKind) {
    let file = try? InspectedFile(length: UInt64(bytes.count)) { (offset, count) in
      guard offset < UInt64(bytes.count) else { return Buffer(count: 0) }
      return Buffer(Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)]))
    }
    if let file { _ = try? kind.inspect(file) }
  }

  private static func open(_ archive: [UInt8]) -> String? {
    inspect(archive, OvaFormat())
    let storage = BoundedStorage(archive, capacity: archive.count)
    for disk in ["1", "2"] {
      let image = try? OpenImage(
        storage, OvaFormat(), flags: [], options: ["disk": .string(disk)], kinds: Drivers.all)
      guard let image else { continue }
      defer { try? image.close() }
      let length = image.edge.length
      for offset in [0, length / 2, length == 0 ? 0 : length - 1] where offset < length {
        _ = try? image.read(offset, Int(min(3000, length - offset)))
        _ = try? image.edge.chainStatus(at: offset, length: length - offset)
      }
      try? image.edge.verifyContent(JobContext())
    }
    return storage.bytes == archive ? nil : "an archive was changed"
  }

  // MARK: Archives

  /// The same archive with the sums of what stands where headers stand.
  private static func summed(_ archive: [UInt8]) -> [UInt8] {
    var bytes = archive
    var offset = 0
    while offset + 512 <= bytes.count, offset < 64 * 512 {
      if bytes[offset + 257..<offset + 262].elementsEqual("ustar".utf8) {
        bytes.replaceSubrange(offset + 148..<offset + 156, with: Array(repeating: 0x20, count: 8))
        let sum = String(bytes[offset..<offset + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = String(repeating: "0", count: 6 - sum.utf8.count) + sum
        bytes.replaceSubrange(offset + 148..<offset + 155, with: Array(digits.utf8) + [0])
      }
      offset += 512
    }
    return bytes
  }

  private static func member(_ name: String, _ content: [UInt8], type: String = "0") -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    let size = String(content.count, radix: 8)
    for (offset, text) in [
      (0, name), (100, "0000644"), (124, String(repeating: "0", count: 11 - size.utf8.count) + size),
      (156, type),
      (257, "ustar"), (263, "00"),
    ] {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    return header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  private static let envelope = Array(
    """
    <?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" \
    xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References><File ovf:id="f" ovf:href="a.img" ovf:size="4"/>\
    <File ovf:id="g" ovf:href="b.img" ovf:size="3" ovf:chunkSize="2"/></References><DiskSection>\
    <Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^20"/>\
    <Disk ovf:diskId="e" ovf:fileRef="g" ovf:format="http://x/vmdk.html"/></DiskSection></Envelope>
    """.utf8)

  private static let disk = Array(
    """
    <Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>8</Disk_size><Padding>0</Padding></Disk_Parameters>\
    <StorageData><Storage><Start>0</Start><End>8</End><Image><GUID>{5fbaabe3-6958-40ff-92a7-860e329aab41}</GUID>\
    <Type>Compressed</Type><File>a.hds</File></Image></Storage></StorageData><Snapshots><Shot>\
    <GUID>{5fbaabe3-6958-40ff-92a7-860e329aab41}</GUID><ParentGUID>{00000000-0000-0000-0000-000000000000}</ParentGUID>\
    </Shot></Snapshots></Parallels_disk_image>
    """.utf8)

  private static let list = Array(
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
    <plist version="1.0"><dict><key>a</key><data>AAAA</data><!-- c --><string>&lt;&#65;</string></dict></plist>
    """.utf8)

  private static var archive: [UInt8] {
    let digest = String(repeating: "0", count: 40)
    return summed(
      member("a.ovf", envelope) + member("a.mf", Array("SHA1(a.img)= \(digest)\n".utf8))
        + member("PaxHeaders", Array("12 path=x.y\n".utf8), type: "x") + member("z", [1])
        + member("a.img", [1, 2, 3, 4]) + member("b.img.000000000", [1, 2]) + member("b.img.000000001", [3])
        + [UInt8](repeating: 0, count: 1024))
  }

  /// Inputs to start from.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    [
      ("archive", [0] + archive), ("envelope", [1] + envelope), ("parallels", [2] + disk),
      ("plist", [3] + list),
    ]
  }

  /// What is wrong with the harness: its own inputs must be good ones.
  package static func selfTest() -> String? {
    let storage = BoundedStorage(archive, capacity: 1 << 20)
    do throws(BlockError) {
      let image = try OpenImage(
        storage, OvaFormat(), flags: [], options: ["disk": "1"], kinds: Drivers.all)
      let bytes = try image.read(0, 4)
      try image.close()
      if bytes != [1, 2, 3, 4] { return "a disk has another content" }
      let text = Buffer(list)
      _ = try XMLParser.parse(text.bytes, limits: .propertyList)
    } catch {
      return "a good input is refused: \(error.message)"
    }
    return nil
  }
}
