// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors

/// A format whose header can be looked at without opening the image, to find out whether it is safe to open.
package protocol InspectingKind: DriverKind {
  /// The findings in the header and in the tables that it leads to. No other file is read.
  ///
  /// - Throws: where the header makes no sense at all.
  func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings
}

/// A file that is looked at without being opened as an image.
package struct InspectedFile {
  /// Bytes of the file.
  package let length: UInt64
  /// Its first bytes: all of them, or `HeaderFindings.inspectedLength`.
  package let head: Buffer
  private let readPart: (UInt64, Int) throws(BlockError) -> Buffer

  /// - Parameter readPart: gives bytes from an offset on, fewer than asked where the file ends.
  package init(length: UInt64, readPart: @escaping (UInt64, Int) throws(BlockError) -> Buffer)
    throws(BlockError)
  {
    self.length = length
    self.readPart = readPart
    head = try readPart(0, Int(min(length, UInt64(HeaderFindings.inspectedLength))))
  }

  /// Reads a range; bytes past the end read as zeros.
  package func read(at offset: UInt64, count: Int) throws(BlockError) -> Buffer {
    let known = offset < length ? try readPart(offset, count) : Buffer(count: 0)
    guard known.count < count else { return known }
    let whole = Buffer(count: count)
    var bytes = whole.mutableBytes
    bytes.copy(known.bytes, at: 0)
    return whole
  }
}

/// A property of an image that its header states: its kind, the units that it consists of, what it is known by.
package struct HeaderDetail: Sendable {
  /// The value of a property.
  package enum Value: Sendable {
    /// A number of bytes.
    case bytes(UInt64)
    /// A count, or a version.
    case number(UInt64)
    /// A word, an id or a name.
    case text(String)
  }

  /// The name, in lower case and with dashes, as programs read it.
  package let name: String
  /// The value.
  package let value: Value

  /// Makes a property. Text comes from the image: it is spelled, so that nothing in it passes for our own.
  package init(_ name: String, _ value: Value) {
    self.name = name
    self.value = if case .text(let text) = value { .text(String(spelling: text.spelledBytes)) } else { value }
  }
}

/// An image that is a part of the file that is looked at.
package struct ContainedImage: Sendable {
  /// The name of the part, for messages.
  package var name: String
  /// Where its bytes stand in the file, in their order.
  package var ranges: [Range<UInt64>] = []
  /// The format that is stated for it; nil where it may have any, or none.
  package var format: String?
  /// Whether it is compressed with gzip.
  package var isCompressed = false
  /// Why it cannot be opened, in words, where that is known without looking at it.
  package var defect: String?

  /// An image of which nothing but the name is known.
  package init(_ name: String) { self.name = name }
}

/// The findings in the header of an image.
package struct HeaderFindings: Sendable {
  /// Bytes at the start of a file that are looked at, at most: both copies of the longest LUKS header.
  package static let inspectedLength = 8 << 20

  /// Guest-visible length in bytes.
  package var virtualSize: UInt64
  /// What kind of image it is, and what it consists of; names occur once.
  package var details: [HeaderDetail] = []
  /// The other files that the image names.
  package var references: [ImageReference] = []
  /// The images inside of it, which may name no other files.
  package var contained: [ContainedImage] = []
  /// How guest data is encrypted, nil where it is not.
  package var encryption: String?
  /// Features that the header states and this program does not know, in words.
  package var unknownFeatures: [String] = []
  /// Facts that are worth knowing and do no harm, in words.
  package var remarks: [String] = []
  /// Contradictions to the file or to the specification, in words.
  package var defects: [String] = []

  /// Findings without any defect.
  package init(virtualSize: UInt64) { self.virtualSize = virtualSize }
}
