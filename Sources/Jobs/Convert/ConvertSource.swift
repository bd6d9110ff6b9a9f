// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The images to convert, put end to end.
struct ConvertSource: CopySource {
  /// A sector of which something could not be found out.
  enum Lost: Sendable {
    /// Whether it holds data.
    case status(UInt64)
    /// Its bytes, which became zero.
    case bytes(UInt64)

    /// The sentence about it, in `qemu-img`'s words.
    var words: String {
      switch self {
      case .status(let offset): "error while reading block status at offset \(offset): Input/output error"
      case .bytes(let offset): "error while reading offset \(offset): Input/output error"
      }
    }
  }

  private struct Part: Sendable {
    var start: UInt64
    var length: UInt64
    var edge: Edge
  }

  private var parts: [Part] = []
  /// The node that is the target's backing file too, if one of the chain is.
  private let base: Node?
  private let salvage: (@Sendable (Lost) -> Void)?
  /// The length of all together in bytes; each image is padded to whole sectors.
  private(set) var length: UInt64 = 0

  /// - Parameter salvage: called with each sector that is lost in some way; nil where that is an error.
  init(_ edges: [Edge], base: Node?, salvage: (@Sendable (Lost) -> Void)?) throws(BlockError) {
    self.base = base
    self.salvage = salvage
    for edge in edges {
      guard let padded = edge.length.roundedUp(to: 512), let end = length.plus(padded),
        Int64(exactly: end) != nil
      else { throw BlockError(.tooLarge, "The images together are larger than a disk can be") }
      parts.append(Part(start: length, length: padded, edge: edge))
      length = end
    }
  }

  /// The longest unit of the images.
  var unit: UInt64 { parts.map(\.edge.child.limits.decodingUnit).max() ?? 0 }

  private func part(at offset: UInt64) -> Part? {
    for part in parts where offset >= part.start && offset - part.start < part.length { return part }
    return nil
  }

  /// The content of the start of a range, and for how many bytes that holds.
  func content(at offset: UInt64, length: UInt64) throws(BlockError) -> (content: CopyContent, length: UInt64)
  {
    guard let part = part(at: offset) else { return (.zero, length) }
    let local = offset - part.start
    let count = min(length, part.length - local)
    // The padding of the last sector.
    guard local < part.edge.length else { return (.zero, count) }
    do throws(BlockError) {
      return try content(of: part.edge, at: local, length: count)
    } catch {
      guard salvage == nil else { return contentBeforeDamage(of: part.edge, at: local, length: count) }
      throw error.prefixed("error while reading block status at offset \(offset)")
    }
  }

  private func content(of edge: Edge, at offset: UInt64, length: UInt64) throws(BlockError)
    -> (content: CopyContent, length: UInt64)
  {
    let status = try edge.chainStatus(at: offset, length: length, above: base)
    if status.reachesBase { return (.inherited, status.length) }
    return (status.isZero ? .zero : .data, status.length)
  }

  /// As far as it can be told what a range holds that has a place somewhere of which it cannot be told.
  private func contentBeforeDamage(of edge: Edge, at offset: UInt64, length: UInt64)
    -> (content: CopyContent, length: UInt64)
  {
    var asked = min(512 - offset % 512, length)
    var known: (content: CopyContent, length: UInt64) = (.unknown, asked)
    while let found = try? content(of: edge, at: offset, length: asked) {
      known = found
      guard found.length == asked, asked < length else { break }
      asked = min(asked * 2, length)
    }
    return known
  }

  /// Names the sector.
  func noteUnknown(at offset: UInt64) { salvage?(.status(offset)) }

  /// The image that holds all of a range, and the offset there; nil where the range spans images.
  func image(at offset: UInt64, length: UInt64) -> (edge: Edge, offset: UInt64)? {
    guard let part = part(at: offset), length <= part.length - (offset - part.start) else { return nil }
    return (part.edge, offset - part.start)
  }

  /// Reads a range, which may span images.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      guard let part = part(at: position) else {
        var rest = buffer.slice(done..<buffer.byteCount)
        rest.fill()
        return
      }
      let local = position - part.start
      let count = Int(min(UInt64(buffer.byteCount - done), part.length - local))
      var piece = buffer.slice(done..<done + count)
      do throws(BlockError) {
        try part.edge.read(at: local, into: &piece)
      } catch {
        guard salvage != nil else { throw error.prefixed("error while reading at byte \(position)") }
        readSectors(part.edge, at: local, global: position, into: &piece)
      }
      done += count
    }
  }

  /// Reads what can be read, sector by sector; the rest becomes zero.
  private func readSectors(_ edge: Edge, at offset: UInt64, global: UInt64, into buffer: inout MutableRawSpan)
  {
    var done = 0
    while done < buffer.byteCount {
      let count = min(512, buffer.byteCount - done)
      var sector = buffer.slice(done..<done + count)
      do throws(BlockError) {
        try edge.read(at: offset + UInt64(done), into: &sector)
      } catch {
        sector.fill()
        salvage?(.bytes(global + UInt64(done)))
      }
      done += count
    }
  }
}
