// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Jobs
import Options
import Support
import Testing

/// Random programs over random chains, held against a shadow of the bytes.
@Suite struct ChainPropertyTests {
  @Test(
    "random chains: whatever is done to them, the top reads as it must, and the peer agrees",
    arguments: 0..<24)
  func program(_ seed: Int) throws {
    var program = try ChainProgram(seed: UInt64(seed))
    for _ in 0..<14 { try program.step() }
    try program.askPeer()
  }
}

/// A chain of layers `0`, `1`, … in a folder, what its top reads as, and what is done to it.
private struct ChainProgram {
  private let folder = TemporaryFolder()
  private var random: SeededNumbers
  /// The layers that the top stands on, lowest first, and the top.
  private var layers: [String] = []
  private var formats: [String: String] = [:]
  private var shadow: [UInt8] = []
  /// What snapshots hold, as long as nothing below the top changed.
  private var snapshots: [(name: String, content: [UInt8])] = []
  private var isOld = false
  private var log: [String] = []
  private var count = 0

  private var top: String { layers[layers.count - 1] }

  init(seed: UInt64) throws {
    random = SeededNumbers(seed: seed)
    let shapes = [
      "cluster_size=512", "cluster_size=4k", "cluster_size=64k", "extended_l2=on,cluster_size=16k",
      "compat=0.10,cluster_size=1k", "lazy_refcounts=on,cluster_size=2k",
      "compression_type=zstd,cluster_size=8k",
    ]
    var script = "set -e\n"
    for layer in 0..<Int.random(in: 1...6, using: &random) {
      let length = Int.random(in: 60...400, using: &random) * 512
      let isRaw = layer == 0 && Int.random(in: 0..<4, using: &random) == 0
      let shape = shapes[Int.random(in: 0..<shapes.count, using: &random)]
      isOld = shape.contains("0.10")
      let backing = layer == 0 ? "" : "-b \(layer - 1) -F \(formats["\(layer - 1)"] ?? "")"
      formats["\(layer)"] = isRaw ? "raw" : "qcow2"
      script += "qemu-img create -q -f \(isRaw ? "raw" : "qcow2 -o \(shape)") \(backing) \(layer) \(length)\n"
      let commands = fillings(length, isRaw: isRaw)
      // It does not compress over what is there already.
      if !commands.isEmpty {
        script += "qemu-io -f \(isRaw ? "raw" : "qcow2") \(commands) \(layer) >/dev/null || true\n"
      }
      layers.append("\(layer)")
      log.append("\(layer): \(isRaw ? "raw" : shape) \(length)")
    }
    let outcome = Shell.run(script, folder: folder.path)
    try #require(outcome == Shell.Outcome(status: 0, output: ""))
    shadow = try content(of: top)
  }

  /// What a layer holds at first: data, zeros, discarded and compressed ranges.
  private mutating func fillings(_ length: Int, isRaw: Bool) -> String {
    var commands = ""
    for _ in 0..<Int.random(in: 0...5, using: &random) {
      let count = Int.random(in: 1...(length / 512), using: &random) * 512 / 3 / 512 * 512 + 512
      let offset = Int.random(in: 0...(length - count) / 512, using: &random) * 512
      let kind = Int.random(in: 0..<8, using: &random)
      let value = Int.random(in: 1...255, using: &random)
      switch kind {
      case 0: commands += " -c 'write -z \(offset) \(count)'"
      case 1: commands += " -c 'discard \(offset) \(count)'"
      case 2 where !isRaw && offset / 65536 * 65536 + 65536 <= length:
        commands += " -c 'write -c -P \(value) \(offset / 65536 * 65536) 65536'"
      default: commands += " -c 'write -P \(value) \(offset) \(count)'"
      }
    }
    return commands
  }

  // MARK: Steps

  mutating func step() throws {
    switch Int.random(in: 0..<16, using: &random) {
    case 0...3:
      try change("write") { (edge: Edge, range: Range<Int>, value: UInt8) throws(BlockError) in
        try edge.write(at: UInt64(range.lowerBound), [UInt8](repeating: value, count: range.count))
      }
    case 4:
      try change("zero", value: 0) { (edge: Edge, range: Range<Int>, value: UInt8) throws(BlockError) in
        try edge.writeZeroes(at: UInt64(range.lowerBound), length: UInt64(range.count), mayUnmap: value == 0)
      }
    case 5: try discard()
    case 6, 7: try commit()
    case 8, 9, 10: try rebase()
    case 11: try resize()
    case 12, 13: try snapshot()
    case 14: try map()
    default: break
    }
    #expect(try content(of: top) == shadow, "\(log)")
  }

  private mutating func note(_ what: String) { log.append(what) }

  private mutating func range() -> Range<Int> {
    let start = Int.random(in: 0..<shadow.count, using: &random)
    return start..<min(shadow.count, start + Int.random(in: 1...60000, using: &random))
  }

  private mutating func change(
    _ what: String, value: UInt8? = nil, _ body: (Edge, Range<Int>, UInt8) throws(BlockError) -> Void
  ) throws {
    let range = range()
    let value = value ?? UInt8.random(in: 1...255, using: &random)
    note("\(what) \(range)")
    try use(top, .writable) { edge in try body(edge, range, value) }
    shadow.fill(range, with: value)
  }

  /// What is discarded reads as before or as zero.
  private mutating func discard() throws {
    let range = range()
    note("discard \(range)")
    try use(top, .writable) { edge in
      try edge.discard(at: UInt64(range.lowerBound), length: UInt64(range.count))
    }
    let now = try content(of: top)
    for index in range where now[index] != shadow[index] {
      #expect(now[index] == 0 || isOld || layers.count > 1, "\(log)")
      shadow[index] = now[index]
    }
  }

  private mutating func commit() throws {
    guard layers.count > 1 else { return }
    try forgetSnapshots()
    var options = CommitOptions(image: ImageName(path: folder.file(top)))
    options.settings.format = "qcow2"
    options.keepsContent = Bool.random(using: &random)
    let base = Int.random(in: 0..<layers.count - 1, using: &random)
    if base < layers.count - 2 { options.base = folder.file(layers[base]) }
    options.threads = Int.random(in: 1...3, using: &random)
    note("commit to \(layers[base])\(options.keepsContent ? " -d" : "")")
    do {
      try run { opener in CommitJob(options, opener: opener) }
    } catch is Refused {
      return
    }
    #expect(try content(of: layers[base]).starts(with: shadow), "\(log)")
    // What a layer in between shows is no longer its own.
    if base < layers.count - 2 {
      try rebase(onto: layers[base], isUnsafe: true)
      layers.removeSubrange(base + 1..<layers.count - 1)
    }
  }

  private mutating func rebase() throws {
    guard formats[top] == "qcow2" else { return }
    try forgetSnapshots()
    let choice = Int.random(in: 0..<layers.count + 2, using: &random)
    switch choice {
    case 0:
      try rebase(onto: nil)
      layers = [top]
    case 1:
      let other = "other\(count)"
      count += 1
      let length = Int.random(in: 60...400, using: &random) * 512
      let fillings = fillings(length, isRaw: false)
      formats[other] = "qcow2"
      _ = Shell.run(
        "qemu-img create -q -f qcow2 -o cluster_size=4k \(other) \(length); qemu-io -f qcow2 \(fillings) -c 'read 0 1' \(other)",
        folder: folder.path)
      try rebase(onto: other)
      layers = [other, top]
    default:
      let number = choice - 2
      // Onto itself is an error, which other tests see to.
      guard number < layers.count - 1 else { return }
      try rebase(onto: layers[number])
      layers.removeSubrange(number + 1..<layers.count - 1)
    }
  }

  private mutating func rebase(onto backing: String?, isUnsafe: Bool = false) throws {
    var options = RebaseOptions(image: ImageName(path: folder.file(top)))
    options.settings.format = "qcow2"
    options.backing = backing
    options.backingFormat = backing.flatMap { formats[$0] }
    options.isUnsafe = isUnsafe
    options.compresses = Bool.random(using: &random)
    options.threads = Int.random(in: 1...3, using: &random)
    note("rebase onto \(backing ?? "nothing")\(isUnsafe ? " -u" : options.compresses ? " -c" : "")")
    try run { opener in RebaseJob(options, opener: opener) }
  }

  private mutating func resize() throws {
    // Version 2 has neither zeros over a backing file nor lengths of snapshots.
    if isOld || formats[top] == "raw" { return }
    let length = Int.random(in: 60...500, using: &random) * 512
    note("resize to \(length)")
    try run { opener in ResizeJob(image(opener), .set(UInt64(length)), mayShrink: true) }
    shadow = Array((shadow + [UInt8](repeating: 0, count: max(0, length - shadow.count))).prefix(length))
  }

  private mutating func snapshot() throws {
    guard formats[top] == "qcow2" else { return }
    let known = snapshots.isEmpty ? nil : Int.random(in: 0..<snapshots.count, using: &random)
    switch (Int.random(in: 0..<3, using: &random), known) {
    case (1, let number?):
      // One of another length does not say what it held behind its end.
      guard snapshots[number].content.count == shadow.count else { return }
      note("apply \(snapshots[number].name)")
      try run { opener in SnapshotJob(image(opener), .apply(snapshots[number].name)) }
      shadow = snapshots[number].content
    case (2, let number?):
      try forget(number)
    default:
      count += 1
      note("create s\(count)")
      try run { opener in SnapshotJob(image(opener), .create("s\(count)")) }
      snapshots.append(("s\(count)", shadow))
    }
  }

  private mutating func forget(_ number: Int) throws {
    note("delete \(snapshots[number].name)")
    try run { opener in SnapshotJob(image(opener), .delete(snapshots[number].name)) }
    snapshots.remove(at: number)
  }

  /// Before anything below them changes.
  private mutating func forgetSnapshots() throws {
    while !snapshots.isEmpty { try forget(0) }
  }

  /// The ranges of a map follow each other, and those that are zero read so.
  private mutating func map() throws {
    note("map")
    try use(top, []) { edge in
      var scan = MapScan(edge)
      var position = 0
      while let entry = try scan.next() {
        #expect(Int(entry.start) == position, "\(log)")
        let range = position..<position + Int(entry.status.length)
        if entry.status.isZero { #expect(shadow[range].consists(of: 0), "\(log)") }
        position = range.upperBound
      }
      #expect(position == shadow.count, "\(log)")
    }
  }

  // MARK: Running

  private func image(_ opener: Opener) -> JobImage {
    .named(ImageName(path: folder.file(top)), OpenSettings(format: formats[top], flags: .writable), opener)
  }

  private func run(_ make: (Opener) -> any Job) throws {
    let graph = Graph()
    do throws(BlockError) {
      try patiently { () throws(BlockError) in
        var runner = JobRunner(graph: graph)
        try runner.run(make(Opener(graph: graph, kinds: Drivers.all)))
      }
    } catch {
      // A layer of version 2 cannot grow over a longer one.
      guard error.kind == .unsupported, error.message.contains("zero out") else {
        Issue.record("\(error.message) \(log)")
        throw error
      }
      throw Refused()
    }
    #expect(graph.nodes.isEmpty, "\(log)")
  }

  private struct Refused: Error {}

  /// A process that another test starts holds all open files, and their locks, for a moment.
  private func patiently(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    for _ in 0..<500 {
      do throws(BlockError) {
        return try body()
      } catch {
        guard error.kind == .conflict else { throw error }
        Clock.sleep(seconds: 0.002)
      }
    }
    try body()
  }

  private func use(_ name: String, _ flags: NodeFlags, _ body: (Edge) throws -> Void) throws {
    let graph = Graph()
    let user = graph.makeUser(
      "the test",
      request: PermissionRequest(
        held: flags.isEmpty ? .consistentRead : [.consistentRead, .write], shared: .all))
    let settings = OpenSettings(format: formats[name], flags: flags.union(.unmap))
    try patiently { () throws(BlockError) in
      try Opener(graph: graph, kinds: Drivers.all).open(
        ImageName(path: folder.file(name)), settings, for: user)
    }
    try body(try #require(user.edge))
    try graph.release(user)
  }

  private func content(of name: String) throws -> [UInt8] {
    var content: [UInt8] = []
    try use(name, []) { edge in content = try edge.array(at: 0, count: Int(edge.length)) }
    return content
  }

  /// The peer finds nothing wrong, and reads the same.
  func askPeer() throws {
    let images = layers.filter { formats[$0] == "qcow2" }.joined(separator: " ")
    let outcome = Shell.run(
      """
      for image in \(images); do qemu-img check -q -f qcow2 $image || echo "$image is damaged"; done
      qemu-img convert -f \(formats[top] ?? "") -O raw \(top) now
      """, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(log)")
    #expect(try Files.read(folder.file("now")) == shadow, "\(log)")
  }
}
