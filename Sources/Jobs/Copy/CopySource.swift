// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The work that a range needs.
enum CopyContent: Sendable {
  /// Its bytes are to be copied.
  case data
  /// It reads as zero.
  case zero
  /// The target has, or sees, the same already.
  case inherited
  /// Nobody can tell; all bytes that can be read are to be copied.
  case unknown

  /// Whether bytes are to be read.
  var isRead: Bool { self == .data || self == .unknown }
}

/// The content that a copy is made of, or that is read; asked by several threads.
protocol CopySource: Sendable {
  /// The length in bytes.
  var length: UInt64 { get }

  /// Bytes that are best read together, as they are decoded together; 0 where any number will do.
  var unit: UInt64 { get }

  /// The work that the start of a range needs, and for how many bytes.
  func content(at offset: UInt64, length: UInt64) throws(BlockError) -> (content: CopyContent, length: UInt64)

  /// Says that nobody can tell what is at a place; called once for each, before it is read.
  func noteUnknown(at offset: UInt64)

  /// Reads a range.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError)

  /// The image that holds all of a range, and the offset there, where storage may be asked to copy it.
  func image(at offset: UInt64, length: UInt64) -> (edge: Edge, offset: UInt64)?

  /// Takes granules out of `wanted` that turn out not to have to be copied, now that their bytes are known.
  ///
  /// `bytes` start at `offset` and are made of granules of so many bytes, the last of which may be cut short.
  func dropKnown(at offset: UInt64, _ bytes: RawSpan, granule: Int, _ wanted: inout [Bool]) throws(BlockError)
}

extension CopySource {
  /// Any number will do.
  var unit: UInt64 { 0 }
  /// There are no such places.
  func noteUnknown(at offset: UInt64) {}
  /// Nothing that storage could copy.
  func image(at offset: UInt64, length: UInt64) -> (edge: Edge, offset: UInt64)? { nil }
  /// Everything is copied.
  func dropKnown(at offset: UInt64, _ bytes: RawSpan, granule: Int, _ wanted: inout [Bool]) throws(BlockError)
  {}
}

/// The last answer of a source to a walk from its start to its end, which may go on over many segments and is not asked for
/// again at each.
struct ContentAhead {
  private var known: (content: CopyContent, range: Range<UInt64>)?

  /// The content at an offset before the source's end, and for how many bytes that holds.
  mutating func content(of source: any CopySource, at offset: UInt64) throws(BlockError) -> (
    content: CopyContent, length: UInt64
  ) {
    if let known, known.range.contains(offset) { return (known.content, known.range.upperBound - offset) }
    let found = try source.content(at: offset, length: source.length - offset)
    known = (found.content, offset..<offset + found.length)
    return found
  }
}
