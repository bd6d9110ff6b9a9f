// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors

/// A format whose header can be looked at without opening the image, to find out whether it is safe to open.
public protocol InspectingKind: DriverKind {
  /// What the header says. `head` is the start of the file, at most `inspectedLength` bytes; nothing else is read.
  ///
  /// - Parameter fileLength: bytes of the file.
  /// - Throws: what is wrong with the header, where it makes no sense at all.
  func inspect(_ head: RawSpan, fileLength: UInt64) throws(BlockError) -> HeaderFindings
}

/// What a header says of an image.
public struct HeaderFindings: Sendable {
  /// Bytes of a file that are looked at, at most: both copies of the longest LUKS header.
  public static let inspectedLength = 8 << 20

  /// Guest-visible length in bytes.
  public var virtualSize: UInt64
  /// The other files that the image names.
  public var references: [ImageReference] = []
  /// How guest data is encrypted, nil where it is not.
  public var encryption: String?
  /// Features that the header states and this program does not know, in words.
  public var unknownFeatures: [String] = []
  /// What is worth knowing and does no harm, in words.
  public var remarks: [String] = []
  /// What contradicts the file or the specification, in words.
  public var defects: [String] = []

  /// Findings without any defect.
  public init(virtualSize: UInt64) { self.virtualSize = virtualSize }
}
