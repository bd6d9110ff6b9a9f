// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

/// What zero and discard requests leave: content, and the space it has in image and file.
@Suite struct DiscardTests {
  private let folder = TemporaryFolder()

  struct Way: Sendable, CustomTestStringConvertible {
    /// How the image is made.
    var create = ""
    /// How it is opened; as the peer's user writes it.
    var open: [(key: String, value: String)] = []
    var testDescription: String { "\(create) \(open.map { "\($0.key)=\($0.value)" })" }

    var options: OptionObject {
      var options = OptionObject()
      for (key, value) in open { options[key] = .string(value) }
      return options
    }

    var peerOptions: String { open.map { ",\($0.key)=\($0.value)" }.joined() }
  }

  static let ways: [Way] = {
    var ways: [Way] = []
    let creations = [
      "", "compat=0.10", "extended_l2=on", "cluster_size=4k", "data_file=NAME.data",
      "data_file=NAME.data,data_file_raw=on", "BACKING", "compat=0.10,BACKING", "extended_l2=on,BACKING",
      "preallocation=metadata",
    ]
    for create in creations {
      ways.append(Way(create: create, open: [("discard", "ignore")]))
      ways.append(Way(create: create, open: [("discard", "unmap")]))
    }
    for key in ["pass-discard-request", "pass-discard-other"] {
      for value in ["on", "off"] {
        for discard in ["unmap", "ignore"] {
          // The peer's files always take discards; ours follow the image.
          if discard == "ignore", value == "on" { continue }
          ways.append(Way(open: [("discard", discard), (key, value)]))
        }
      }
    }
    return ways
  }()

  /// Requests, as the peer's user writes them; what crosses clusters is split by both alike.
  private enum Request: String, CaseIterable {
    case discard, zero = "write -z", unmap = "write -z -u"
  }

  /// Where each request goes: on data, half on data, on nothing, on what is compressed, and on what was zero already.
  private static let places: [(offset: UInt64, length: UInt64)] = [
    (128 << 10, 64 << 10), (448 << 10, 128 << 10), (2 << 20, 64 << 10), (1 << 20, 64 << 10),
    (1344 << 10, 64 << 10),
  ]

  private func make(_ name: String, _ way: Way) -> String {
    let options = way.create.split(separator: ",").filter { $0 != "BACKING" }
      .map { $0.hasSuffix(".data") ? "data_file=\(name).data" : String($0) }.joined(separator: ",")
    let outcome = Shell.run(
      """
      set -e
      truncate -s 4M base.raw; head -c 3M /dev/zero | tr '\\0' b | dd of=base.raw conv=notrunc status=none
      qemu-img create -q -f qcow2 ${2:+-o $2} $3 "$1" 4M
      compressed='write -P 9 1M 64k'
      case $2 in *data_file*) ;; *cluster_size=4k*) ;; *) compressed='write -c -P 9 1M 64k';; esac
      qemu-io -f qcow2 -c 'write -P 7 0 512k' -c "$compressed" -c 'write -z 1280k 128k' \
        -c 'write -P 5 3M 64k' "$1" >/dev/null
      """, arguments: [name, options, way.create.contains("BACKING") ? "-b base.raw -F raw" : ""],
      folder: folder.path)
    return outcome.output
  }

  @Test("zero and discard requests leave what the peer's leave", arguments: ways)
  func requests(_ way: Way) throws {
    for request in Request.allCases {
      for name in ["ours", "theirs"] { #expect(make(name, way) == "") }
      let session = try ImageSession(folder.file("ours"), options: way.options)
      var commands = ""
      for (offset, length) in DiscardTests.places {
        switch request {
        case .discard: try session.edge.discard(at: offset, length: length)
        case .zero: try session.edge.writeZeroes(at: offset, length: length)
        case .unmap: try session.edge.writeZeroes(at: offset, length: length, mayUnmap: true)
        }
        commands += " -c '\(request.rawValue) \(offset) \(length)'"
      }
      try session.close()
      let outcome = Shell.run(
        """
        qemu-io --image-opts driver=qcow2,file.filename=theirs$1 \(commands) >/dev/null || exit 1
        for image in ours theirs; do qemu-img check -q $image || exit 2; done
        for image in ours theirs; do
          qemu-img map --output=json $image | sed 's/"offset": [0-9]*/at/' >$image.map
          for file in $image $image.data; do [ ! -e $file ] || qemu-img map -f raw --output=json $file; done >$image.host
        done
        diff ours.map theirs.map && diff ours.host theirs.host && qemu-img compare -q ours theirs
        """, way.peerOptions, folder: folder.path)
      #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(request)")
    }
  }

  @Test("space that a failing flush could not give back is given back by the next", arguments: [1, 2, 5, 9])
  func givesBackAfterFailure(_ number: Int) throws {
    let length = 2 << 20
    let image = try FragileImage(
      size: UInt64(length), ["cluster_size": 512], ["l2-cache-size": "1M", "refcount-cache-size": "1"])
    try image.edge.write(at: 0, [UInt8](repeating: 1, count: length))
    try image.edge.flush()
    // In two runs, so that what fails is in the middle of one, or leaves another.
    try image.edge.discard(at: 0, length: 700 << 10)
    try image.edge.discard(at: 900 << 10, length: 700 << 10)
    image.fault.fail(number, of: [.read])
    #expect(throws: BlockError.self) { try image.edge.flush() }
    image.fault.fail(0)
    try image.edge.flush()
    image.close()
    #expect(Shell.writeFile(folder.file("disk"), image.memory.bytes))
    #expect(Shell.complaints("disk", in: folder) == "")
  }
}
