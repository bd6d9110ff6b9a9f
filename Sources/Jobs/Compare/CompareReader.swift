// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Compares ranges of two images, for one thread at a time.
struct CompareReader {
  private let left: Side
  private let right: Side
  private let isStrict: Bool
  /// Differences are told to the sector.
  private static let sector: UInt64 = 512

  /// One of the images, with memory to read into.
  private struct Side {
    static let bufferSize = 1 << 20
    let edge: Edge
    let isSecond: Bool
    let buffer = Buffer(count: bufferSize)
  }

  init(_ left: Edge, _ right: Edge, isStrict: Bool) {
    self.left = Side(edge: left, isSecond: false)
    self.right = Side(edge: right, isSecond: true)
    self.isStrict = isStrict
  }

  /// The outcome that ends the comparison inside `range`, or nil where both images are the same there.
  func compare(_ range: Range<UInt64>) -> CompareOutcome? {
    var position = range.lowerBound
    do throws(Stop) {
      while position < range.upperBound {
        let rest = range.upperBound - position
        let mine = try status(left, at: position, rest)
        let theirs = try status(right, at: position, rest)
        let length = min(mine.length, theirs.length)
        if isStrict && mine.state != theirs.state {
          return .found(.statusDiffers(offset: position))
        }
        try compare(position..<position + length, mine.isZero, theirs.isZero)
        position += length
      }
      return nil
    } catch {
      return error.outcome
    }
  }

  /// How many bytes from the start of a range on both images are known to hold zeros, told apart by no rule; 0 where
  /// they have to be looked at more closely.
  func sameZeroes(_ range: Range<UInt64>) -> UInt64 {
    let (start, length) = (range.lowerBound, range.upperBound - range.lowerBound)
    guard let mine = try? status(left, at: start, length),
      let theirs = try? status(right, at: start, mine.length),
      mine.isZero, theirs.isZero, !isStrict || mine.state == theirs.state
    else { return 0 }
    return min(mine.length, theirs.length)
  }

  private struct Stop: Error {
    let outcome: CompareOutcome

    init(_ outcome: CompareOutcome) { self.outcome = outcome }
    init(differenceAt offset: UInt64) {
      outcome = .found(.different(offset: offset.roundedDown(to: CompareReader.sector)))
    }
  }

  /// The part of a range's status that matters here.
  private struct Status {
    var length: UInt64
    /// The state that is to be the same by strict rules.
    var state = State()
    var isZero: Bool { state.isZero }

    struct State: Equatable {
      var isPresent = false
      var isZero = true
      var isData = false
      var isMapped = false
    }
  }

  /// The status of a range of one image; past its end there are zeros.
  private func status(_ side: Side, at offset: UInt64, _ length: UInt64) throws(Stop) -> Status {
    guard offset < side.edge.length else { return Status(length: length) }
    do throws(BlockError) {
      let status = try side.edge.chainStatus(at: offset, length: length)
      let state = Status.State(
        isPresent: status.isPresent, isZero: status.isZero, isData: status.isData,
        isMapped: status.hostOffset != nil)
      return Status(length: status.length, state: state)
    } catch {
      throw Stop(
        .failed(CompareFailure(step: .status, isSecond: side.isSecond, offset: offset, error: error)))
    }
  }

  private func compare(_ range: Range<UInt64>, _ mineIsZero: Bool, _ theirsIsZero: Bool) throws(Stop) {
    if mineIsZero && theirsIsZero { return }
    var position = range.lowerBound
    while position < range.upperBound {
      let count = Int(min(range.upperBound - position, UInt64(Side.bufferSize)))
      if mineIsZero || theirsIsZero {
        try requireZero(mineIsZero ? right : left, at: position, count)
      } else {
        try requireSame(at: position, count)
      }
      position += UInt64(count)
    }
  }

  private func read(_ side: Side, at offset: UInt64, _ count: Int) throws(Stop) {
    var bytes = side.buffer.mutableBytes
    var part = bytes.slice(0..<count)
    do throws(BlockError) {
      try side.edge.read(at: offset, into: &part)
    } catch {
      throw Stop(.failed(CompareFailure(step: .read, isSecond: side.isSecond, offset: offset, error: error)))
    }
  }

  private func requireZero(_ side: Side, at offset: UInt64, _ count: Int) throws(Stop) {
    try read(side, at: offset, count)
    let bytes = side.buffer.bytes.slice(0..<count)
    guard !bytes.isZero else { return }
    throw Stop(differenceAt: offset + firstSector(count) { range in !bytes.slice(range).isZero })
  }

  private func requireSame(at offset: UInt64, _ count: Int) throws(Stop) {
    try read(left, at: offset, count)
    try read(right, at: offset, count)
    let mine = left.buffer.bytes.slice(0..<count)
    let theirs = right.buffer.bytes.slice(0..<count)
    guard !mine.equals(theirs) else { return }
    throw Stop(
      differenceAt: offset + firstSector(count) { range in !mine.slice(range).equals(theirs.slice(range)) })
  }

  /// The offset of the first sector of a buffer that `differs`.
  private func firstSector(_ count: Int, _ differs: (Range<Int>) -> Bool) -> UInt64 {
    let sector = Int(CompareReader.sector)
    for start in stride(from: 0, to: count, by: sector) where differs(start..<min(count, start + sector)) {
      return UInt64(start)
    }
    return 0
  }
}
