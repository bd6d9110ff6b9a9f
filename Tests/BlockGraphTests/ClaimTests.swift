// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Support
import Testing

/// A format that claims each unit that is written, and fails when told to.
private final class ClaimingFormat: CompressingDriver, @unchecked Sendable {
  enum Phase: CaseIterable { case prepare, finish, write, copy }

  static let unit: UInt64 = 512
  let name = "claiming"
  private let lock = ConditionLock()
  private var claimed: Set<UInt64> = []
  private var compressed: [UInt64: [UInt64]] = [:]
  private var failing: (phase: Phase, number: Int)?

  /// What is claimed at the moment.
  var claims: Set<UInt64> { lock.withLock { claimed } }

  /// Lets the `number`th pass through a phase fail.
  func fail(_ phase: Phase, _ number: Int) { lock.withLock { failing = (phase, number) } }

  private func pass(_ phase: Phase) throws(BlockError) {
    let fails = lock.withLock {
      guard failing?.phase == phase else { return false }
      failing?.number -= 1
      return failing?.number == 0
    }
    if fails { throw BlockError(.inputOutput, "injected failure of \(phase)") }
  }

  private func claim(_ unit: UInt64) {
    lock.lock()
    while claimed.contains(unit) { lock.wait() }
    claimed.insert(unit)
    lock.unlock()
  }

  private func letGo(_ units: [UInt64]) {
    lock.withLock {
      claimed.subtract(units)
      lock.notifyAll()
    }
  }

  func length(of node: Node) -> UInt64 { node.file?.length ?? 0 }
  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {}

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    try pass(.prepare)
    let unit = offset / ClaimingFormat.unit
    claim(unit)
    return WriteSlot(
      length: min(length, (unit + 1) * ClaimingFormat.unit - offset),
      location: Extent.Location(.file, offset), allocation: unit)
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    letGo(slot.allocation.map { [$0] } ?? [])
    if written { try pass(.finish) }
  }

  func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    throw BlockError(.unsupported, "nothing is compressed")
  }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    try pass(.prepare)
    let units = clusters.map { $0.guestOffset / ClaimingFormat.unit }
    for unit in units { claim(unit) }
    lock.withLock { compressed[units[0]] = units }
    let pieces = clusters.enumerated().map {
      CompressedPiece(
        bytes: $0.offset * 512..<($0.offset + 1) * 512,
        location: Extent.Location(.file, $0.element.guestOffset)
      )
    }
    return CompressedSlot(pieces: pieces, allocation: units[0])
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    letGo(lock.withLock { compressed.removeValue(forKey: slot.allocation) ?? [] })
    if written { try pass(.finish) }
  }
}

@Suite struct ClaimTests {
  enum Way: CaseIterable { case atOnce, prepared, forgotten, copied, compressed }

  private static let slots = 4
  private static let length = slots * Int(ClaimingFormat.unit)

  private struct Scene {
    let graph = Graph()
    let format = ClaimingFormat()
    let faults: FaultCounter
    let source: RootUser
    let target: RootUser
    let edge: Edge
    let from: Edge

    init() throws {
      let counter = FaultCounter()
      faults = counter
      func storage(_ byte: UInt8) -> FaultStorage {
        FaultStorage(MemoryStorage([UInt8](repeating: byte, count: ClaimTests.length)), counter: counter)
      }
      let below = try graph.makeNode(storage(0), "storage")
      let node = try graph.makeNode(format, "format")
      try graph.attach(below, to: node)
      target = try graph.use(node, "writer", held: [.consistentRead, .write])
      source = try graph.use(try graph.makeNode(storage(5), "source"), "source", held: .consistentRead)
      edge = try #require(target.edge)
      from = try #require(source.edge)
    }

    func write(_ way: Way, _ data: Buffer) throws(BlockError) {
      let length = UInt64(ClaimTests.length)
      switch way {
      case .atOnce: try edge.write(at: 0, from: data.bytes)
      case .prepared: try edge.complete(try edge.prepareWrite(at: 0, length: length), from: data.bytes)
      case .forgotten: _ = try edge.prepareWrite(at: 0, length: length)
      case .copied:
        let prepared = try edge.prepareWrite(at: 0, length: length)
        guard let rest = try edge.complete(prepared, copyingFrom: from, at: 0) else { return }
        try edge.complete(rest, from: data.bytes)
      case .compressed:
        let clusters = (0..<ClaimTests.slots).map {
          CompressedCluster(guestOffset: UInt64($0) * ClaimingFormat.unit, size: 512)
        }
        try edge.complete(try edge.prepareCompressed(clusters), from: data.bytes)
      }
    }
  }

  @Test(
    "D-02 a request of several slots that fails in any phase, at any slot, leaves no claim",
    arguments: ClaimingFormat.phases, Way.allCases)
  func failing(_ phase: Int, _ way: Way) throws {
    let phase = ClaimingFormat.Phase.allCases[phase]
    for number in 1...ClaimTests.slots {
      let scene = try Scene()
      let data = Buffer([UInt8](repeating: 5, count: ClaimTests.length))
      switch phase {
      case .prepare, .finish: scene.format.fail(phase, number)
      case .write: scene.faults.fail(number, of: [.write])
      case .copy: scene.faults.fail(number, of: [.copy])
      }
      var failed = false
      do throws(BlockError) { try scene.write(way, data) } catch {
        failed = true
        #expect(error.kind == .inputOutput)
      }
      #expect(failed == fails(phase, way, number), "\(number)")
      // Nobody waits for what nobody does.
      try #require(scene.format.claims.isEmpty, "\(number)")
      let isCopied = way == .copied && !failed
      if isCopied { #expect(try scene.edge.array(at: 0, count: ClaimTests.length).consists(of: 5)) }
      scene.faults.fail(0)
      scene.format.fail(phase, 0)
      // Another writer of the same goes on, and closing does not wait for a request that never ends.
      try scene.edge.write(at: 0, [UInt8](repeating: 9, count: ClaimTests.length))
      #expect(try scene.edge.array(at: 0, count: ClaimTests.length).consists(of: 9))
      try scene.graph.release(scene.target)
      try scene.graph.release(scene.source)
    }
  }

  /// Whether the user hears of a failure.
  private func fails(_ phase: ClaimingFormat.Phase, _ way: Way, _ number: Int) -> Bool {
    switch (phase, way) {
    case (.copy, _): false
    case (.prepare, .compressed), (.finish, .compressed): number == 1
    case (.write, .forgotten), (.finish, .forgotten), (.write, .copied): false
    default: true
    }
  }
}

extension ClaimingFormat {
  fileprivate static var phases: Range<Int> { Phase.allCases.indices }
}
