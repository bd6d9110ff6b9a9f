// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Glibc
internal import Host
internal import Options

/// A program of operations on one image, and what the disk and its snapshots should hold.
struct OperationProgram {
  /// How many kinds of operations there are.
  static let operations = 13

  /// Whether each operation is shown before it is done: `STRATA_FUZZ_TRACE=1`.
  private static let isTraced = Environment.value(of: "STRATA_FUZZ_TRACE") != nil

  private var input: InputBytes
  let storage: BoundedStorage
  private var image: OpenImage?
  private var shadow: ShadowDisk
  private var snapshots: [(name: String, shadow: ShadowDisk)] = []
  private let clusterSize: Int
  private let openOptions: [String]
  /// Operations that succeeded.
  private(set) var done = 0

  /// Decodes the options and makes the image; nil where they do not go together.
  init?(_ bytes: [UInt8]) {
    input = InputBytes(bytes)
    let shape = input.byte()
    let more = input.byte()
    let size = (1 + input.number(2) % 512) * 512
    let isExtended = shape & 15 == 15
    clusterSize = isExtended ? 16384 : [512, 1024, 4096, 65536][Int(shape & 3)]
    var options = "cluster_size=\(clusterSize)"
    if isExtended { options += ",extended_l2=on" }
    if shape & 12 == 8, !isExtended {
      options += ",compat=0.10"
    } else {
      options += ",refcount_bits=\(1 << (more >> 1 & 7) > 64 ? 16 : 1 << (more >> 1 & 7))"
      if more & 16 != 0 { options += ",lazy_refcounts=on" }
      if more & 32 != 0 { options += ",compression_type=zstd" }
    }
    if more & 64 != 0 { options += ",preallocation=metadata" }
    openOptions = more & 128 != 0 ? ["l2-cache-size", "refcount-cache-size"] : []
    storage = BoundedStorage()
    shadow = ShadowDisk(length: size)
    if OperationProgram.isTraced { OperationProgram.show("image of \(size): \(options) \(openOptions)") }
    guard (try? OpenImage.create(on: storage, size: size, options)) != nil else { return nil }
  }

  var knownCount: Int { shadow.knownCount }

  private func opened() throws(BlockError) -> OpenImage {
    var options: OptionObject = [:]
    for name in openOptions { options[name] = "1" }
    return try OpenImage(storage, flags: .writable, options: options)
  }

  /// Runs all operations, then closes, checks and compares once more; what is wrong, or nil.
  mutating func run() -> String? {
    guard let first = try? opened() else { return "a new image does not open" }
    image = first
    var steps = 0
    while !input.atEnd, steps < 200 {
      steps += 1
      if let finding = step() { return "step \(steps): \(finding)" }
    }
    if let finding = reopen() ?? readAll() { return "at the end: \(finding)" }
    for snapshot in snapshots {
      shadow = snapshot.shadow
      guard let node = image?.edge.child, let driver = node.driver as? any SnapshottingDriver else { break }
      guard (try? driver.applySnapshot(.idOrName(snapshot.name), of: node)) != nil else {
        if storage.refused { return nil }
        continue
      }
      if image?.edge.length != shadow.length { return "snapshot \(snapshot.name) has another length" }
      if let finding = readAll() { return "snapshot \(snapshot.name): \(finding)" }
    }
    try? image?.close()
    image = nil
    return check()
  }

  private mutating func step() -> String? {
    guard let image else { return nil }
    switch Int(input.byte()) % OperationProgram.operations {
    case 0, 1, 2: return write(image)
    case 3: return zero(image)
    case 4: return discard(image)
    case 5, 6: return read(image)
    case 7: return resize(image)
    case 8: return takeSnapshot(image)
    case 9: return applySnapshot(image)
    case 10: return deleteSnapshot(image)
    case 11: return compress(image)
    default: return input.byte() & 1 == 0 ? reopen() : flush(image)
    }
  }

  /// An offset: near the start most of the time, sometimes anywhere.
  private mutating func offset() -> UInt64 {
    let kind = input.byte()
    let number = input.number(2)
    switch kind & 15 {
    case 15: return number << (33 + UInt64(kind >> 4))
    case 14: return shadow.length &- number
    case 13: return UInt64.max - number
    case 12: return shadow.length &+ number
    case 8...11: return number &* UInt64(clusterSize) % max(shadow.length, 1)
    default: return number &* UInt64(kind & 3 + 1) % max(shadow.length, 1)
    }
  }

  /// Writes at once: what is held back would be lost in a crash.
  private static func show(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = unsafe Glibc.write(2, line, line.count)
  }

  private func trace(_ text: @autoclosure () -> String) {
    if OperationProgram.isTraced { OperationProgram.show(text()) }
  }

  private func isInside(_ offset: UInt64, _ count: UInt64) -> Bool {
    offset <= shadow.length && count <= shadow.length - offset
  }

  // MARK: Operations

  private mutating func write(_ image: OpenImage) -> String? {
    let start = offset()
    let count = 1 + input.number(2) % 20_000
    let value = input.byte()
    guard isInside(start, count) else { return wild(image, start, count) }
    trace("write \(start) \(count) \(value)")
    let bytes = (0..<count).map { value &+ UInt8(truncatingIfNeeded: (start + $0) / 512) }
    let range = shadow.followed(start, count)
    guard (try? image.write(start, bytes)) != nil else {
      shadow.forget(range)
      return nil
    }
    shadow.fill(range) { value &+ UInt8(truncatingIfNeeded: $0 / 512) }
    done += 1
    return nil
  }

  /// What lies past the end reads as zero, or is refused.
  private mutating func wild(_ image: OpenImage, _ start: UInt64, _ count: UInt64) -> String? {
    guard let bytes = try? image.read(start, Int(min(count, 4096))), start >= shadow.length else {
      return nil
    }
    return bytes.contains { $0 != 0 } ? "bytes past the end are not zero" : nil
  }

  private mutating func zero(_ image: OpenImage) -> String? {
    let start = offset()
    let count = 1 + input.number(2) * UInt64(1 + input.byte() & 7)
    trace("zero \(start) \(count)")
    guard isInside(start, count) else { return wild(image, start, count) }
    let range = shadow.followed(start, count)
    guard (try? image.edge.writeZeroes(at: start, length: count, mayUnmap: count & 1 == 0)) != nil else {
      shadow.forget(range)
      return nil
    }
    shadow.fill(range) { _ in 0 }
    done += 1
    return nil
  }

  private mutating func discard(_ image: OpenImage) -> String? {
    let start = offset()
    let count = 1 + input.number(2) * 3
    trace("discard \(start) \(count)")
    let isDone = (try? image.edge.discard(at: start, length: count)) != nil
    let range = shadow.followed(start, count)
    guard !range.isEmpty else { return nil }
    guard isDone, let now = try? image.read(UInt64(range.lowerBound), range.count) else {
      shadow.forget(range)
      return nil
    }
    done += 1
    return shadow.adopt(now, at: range.lowerBound).map { "byte \($0) after a discard" }
  }

  private mutating func read(_ image: OpenImage) -> String? {
    let start = offset()
    let count = 1 + input.number(2) % 50_000
    trace("read \(start) \(count)")
    guard isInside(start, count) else { return wild(image, start, count) }
    let range = shadow.followed(start, count)
    guard !range.isEmpty else { return nil }
    let now: [UInt8]
    do throws(BlockError) {
      now = try image.read(UInt64(range.lowerBound), range.count)
    } catch {
      return "a sound image is unreadable: \(error.message)"
    }
    done += 1
    return shadow.mismatch(now, at: range.lowerBound).map { "byte \($0) of a read" }
  }

  private mutating func resize(_ image: OpenImage) -> String? {
    let kind = input.byte()
    let number = input.number(2)
    let length = kind & 31 == 31 ? number << (9 + UInt64(kind >> 5) * 6) : number * 8 / 512 * 512
    trace("resize \(shadow.length) to \(length)")
    if (try? image.edge.truncate(to: length)) != nil {
      guard image.edge.length == length else { return "a resize to \(length) gave \(image.edge.length)" }
      shadow.resize(to: length)
      done += 1
      return nil
    }
    let before = shadow.length
    shadow.resize(to: image.edge.length)
    shadow.forget(shadow.followed(min(before, length), .max))
    return nil
  }

  private mutating func compress(_ image: OpenImage) -> String? {
    let first = offset() / UInt64(clusterSize)
    let value = input.byte()
    let start = first &* UInt64(clusterSize)
    trace("compress \(start) \(value)")
    guard isInside(start, UInt64(clusterSize)), start < .max >> 1 else { return nil }
    let range = shadow.followed(start, UInt64(clusterSize))
    guard let compressor = try? image.edge.makeCompressor() else { return nil }
    let plain = Buffer((0..<clusterSize).map { $0 < Int(value) ? UInt8(truncatingIfNeeded: $0 &* 7) : value })
    let packed = Buffer(count: clusterSize)
    var room = packed.mutableBytes
    guard let size = compressor.compress(plain.bytes, into: &room) else { return nil }
    let cluster = CompressedCluster(guestOffset: start, size: size)
    do throws(BlockError) {
      let slot = try image.edge.prepareCompressed([cluster])
      try image.edge.complete(slot, from: packed.bytes.slice(0..<size))
    } catch {
      shadow.forget(range)
      return nil
    }
    shadow.fill(range) { index in
      let place = index - Int(start)
      return place < Int(value) ? UInt8(truncatingIfNeeded: place &* 7) : value
    }
    done += 1
    return nil
  }

  // MARK: Snapshots

  private func snapshotting(_ image: OpenImage) -> (any SnapshottingDriver, Node)? {
    (image.driver as? any SnapshottingDriver).map { ($0, image.edge.child) }
  }

  private mutating func takeSnapshot(_ image: OpenImage) -> String? {
    guard snapshots.count < 4, let (driver, node) = snapshotting(image) else { return nil }
    let name = "s\(done)"
    trace("snapshot \(name)")
    guard (try? driver.createSnapshot(name, seconds: 0, nanoseconds: 0, of: node)) != nil else { return nil }
    snapshots.append((name, shadow))
    done += 1
    return nil
  }

  private mutating func applySnapshot(_ image: OpenImage) -> String? {
    guard !snapshots.isEmpty, let (driver, node) = snapshotting(image) else { return nil }
    let chosen = snapshots[Int(input.byte()) % snapshots.count]
    trace("apply \(chosen.name)")
    if (try? driver.applySnapshot(.idOrName(chosen.name), of: node)) != nil {
      shadow = chosen.shadow
      done += 1
      return image.edge.length == shadow.length ? nil : "a snapshot's length"
    }
    shadow.resize(to: image.edge.length)
    shadow.forget(0..<shadow.followedCount)
    return nil
  }

  private mutating func deleteSnapshot(_ image: OpenImage) -> String? {
    guard !snapshots.isEmpty, let (driver, node) = snapshotting(image) else { return nil }
    let index = Int(input.byte()) % snapshots.count
    trace("delete \(snapshots[index].name)")
    let chosen = SnapshotSelector.exactly(id: nil, name: snapshots[index].name)
    if (try? driver.deleteSnapshot(chosen, of: node)) != nil { done += 1 }
    snapshots.remove(at: index)
    return nil
  }

  // MARK: Whole image

  private mutating func flush(_ image: OpenImage) -> String? {
    trace("flush")
    if (try? image.edge.flush()) != nil { done += 1 }
    return nil
  }

  private mutating func reopen() -> String? {
    trace("reopen")
    let isClosed = (try? image?.close()) != nil
    image = nil
    guard let next = try? opened() else {
      return isClosed && !storage.refused ? "an image does not open again" : nil
    }
    image = next
    if !isClosed {
      shadow.resize(to: next.edge.length)
      shadow.forget(0..<shadow.followedCount)
    }
    return next.edge.length == shadow.length ? nil : "the length changed with closing"
  }

  private func readAll() -> String? {
    guard let image, shadow.followedCount > 0 else { return nil }
    let now: [UInt8]
    do throws(BlockError) {
      now = try image.read(0, shadow.followedCount)
    } catch {
      return "a sound image is unreadable: \(error.message)"
    }
    return shadow.mismatch(now, at: 0).map { "byte \($0)" }
  }

  /// Nothing may be wrong with the tables; only where the storage was full may space be lost.
  private func check() -> String? {
    guard let image = try? OpenImage(storage, flags: .checking) else { return "the image cannot be checked" }
    defer { try? image.close() }
    guard let driver = image.driver as? any CheckingDriver else { return "no check" }
    var lines: [String] = []
    guard
      let result = try? driver.check(
        image.edge.child, JobContext(), report: { if lines.count < 3 { lines.append($0) } })
    else { return "the check failed" }
    if result.corruptions + result.checkErrors > 0 { return "corrupt: \(lines)" }
    return result.leaks > 0 && !storage.refused ? "leaks: \(lines)" : nil
  }
}
