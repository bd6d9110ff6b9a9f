// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// An image in memory, on storage that fails and forgets.
struct FragileImage {
  let graph = Graph()
  let memory = MemoryStorage()
  let fault: FaultStorage
  let file: Node
  let edge: Edge
  private let user: RootUser

  init(size: UInt64, _ creation: OptionObject, _ options: OptionObject = [:]) throws(BlockError) {
    fault = FaultStorage(memory)
    file = try graph.adopt(fault, fileName: "memory", flags: .writable)
    let maker = graph.makeUser("maker", request: ImageSession.writePermissions)
    try graph.attach(maker, to: file)
    guard let fileEdge = maker.edge else { throw BlockError(.notFound, "no edge") }
    let request = CreateRequest(file: fileEdge, size: size, options: creation)
    try Qcow2Format().create(request)
    try fileEdge.flush()
    try graph.setPermissions(.none, of: maker)
    let opener = Opener(graph: graph, kinds: [Qcow2Format()])
    let node = try opener.openFormat(
      Qcow2Format(), on: file, options, OpenSettings(flags: [.writable, .unmap]))
    user = graph.makeUser("test", request: ImageSession.writePermissions)
    try graph.attach(user, to: node)
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    self.edge = edge
  }

  /// Lets go of the image, whatever it can still write.
  func close() { try? graph.release(user) }
}

@Suite struct CrashTests {
  private let folder = TemporaryFolder()

  static let shapes: [(OptionObject, OptionObject)] = [
    ([:], [:]),
    (["cluster_size": 512], ["l2-cache-size": "1", "refcount-cache-size": "1"]),
    (["cluster_size": 512, "refcount_bits": 64], [:]),
    (["extended_l2": true, "cluster_size": 16384], ["l2-cache-entry-size": "512"]),
    (["compat": "0.10", "cluster_size": 4096], [:]),
  ]

  @Test(
    "a crash at any moment leaves space unaccounted for at worst, and keeps what was flushed",
    arguments: shapes, 0..<12)
  func crash(_ shape: (OptionObject, OptionObject), _ seed: Int) throws {
    let length = 300 * 1024
    var random = SeededNumbers(seed: UInt64(seed))
    let image = try FragileImage(size: UInt64(length), shape.0, shape.1)
    image.fault.fail(
      Int.random(in: 1...120, using: &random), of: [.write, .zero, .truncate, .flush, .discard], forGood: true
    )
    var program = try CrashProgram(image.edge, length: length, random)
    program.run(operations: 60)
    // Nothing of what follows reaches the storage where the failure came before.
    if program.failed { image.close() }
    var chance = program.random
    try image.fault.crash(of: image.file) { _ in Bool.random(using: &chance) }
    if !program.failed { image.close() }
    #expect(Shell.writeFile(folder.file("disk"), image.memory.bytes))
    if program.failed {
      let check = Shell.run("qemu-img check -f qcow2 disk 2>&1", folder: folder.path)
      #expect(check.status == 0 || check.status == 3, "\(check.output)")
      let export = Shell.run("qemu-img convert -f qcow2 -O raw disk raw", folder: folder.path)
      #expect(export.status == 0, "\(export.output)")
      #expect(program.isKept(in: Shell.readFile(folder.file("raw"))))
    }
  }
}

@Suite struct ConformanceTests {
  static let creations: [OptionObject] = [
    [:], ["compat": "0.10"], ["cluster_size": 512], ["extended_l2": true], ["cluster_size": 2_097_152],
    ["refcount_bits": 1, "cluster_size": 1024],
  ]

  @Test("qcow2 keeps the contract of drivers", arguments: creations, 0..<3 as Range<UInt64>)
  func conforms(_ creation: OptionObject, _ seed: UInt64) throws {
    let image = try FragileImage(size: 700 * 1024, creation)
    #expect(try DriverConformance.check(image.edge, seed: seed) == [])
    image.close()
  }
}
