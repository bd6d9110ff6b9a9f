// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The parts of a file that are looked at to find out its format: some formats stand at the end of the file, and some
/// have no magic number at all.
package struct ProbeInput {
  /// How many bytes of the start are looked at.
  package static let headLength = Signature.headLength
  /// How many bytes of the end are looked at.
  package static let tailLength = Signature.tailLength

  /// The first bytes, fewer than `headLength` where the file is shorter.
  package let head: Buffer
  /// The last bytes, fewer than `tailLength` where the file is shorter; they may be among the first ones, too.
  package let tail: Buffer
  /// The reason why the last bytes cannot be read, where they cannot.
  package let tailFailure: (any Error)?
  /// Bytes of the file.
  package let length: UInt64
  /// The file's name as messages show it. Nobody vouches for it: the content tells the format.
  package let name: String
  private let readPart: (UInt64, Int) -> Buffer?

  /// - Parameter readPart: reads a range inside the file; nil where it cannot be read.
  package init(
    head: Buffer, tail: Buffer = Buffer(count: 0), length: UInt64, name: String,
    readPart: @escaping (UInt64, Int) -> Buffer? = { _, _ in nil }
  ) {
    self.head = head
    self.tail = tail
    tailFailure = nil
    self.length = length
    self.name = name
    self.readPart = readPart
  }

  /// Looks at a file through `readPart`, which is asked for ranges inside the file.
  ///
  /// - Throws: why its start cannot be read; an end that cannot be read is an empty one, with a `tailFailure`.
  package init<Failure: Error>(
    length: UInt64, name: String, readPart: @escaping (UInt64, Int) throws(Failure) -> Buffer
  ) throws(Failure) {
    head = try readPart(0, Int(min(length, UInt64(ProbeInput.headLength))))
    let tailLength = min(length, UInt64(ProbeInput.tailLength))
    do throws(Failure) {
      tail = try readPart(length - tailLength, Int(tailLength))
      tailFailure = nil
    } catch {
      tail = Buffer(count: 0)
      tailFailure = error
    }
    self.length = length
    self.name = name
    self.readPart = { offset, count in try? readPart(offset, count) }
  }

  /// Bytes somewhere in the file; nil where it does not have them, or they cannot be read. Costs a request: for images
  /// whose start tells nothing.
  package func bytes(at offset: UInt64, count: Int) -> [UInt8]? {
    guard let end = offset.plus(UInt64(count)), end <= length else { return nil }
    guard let found = readPart(offset, count), found.count >= count else { return nil }
    return found.bytes.bytes(0..<count)
  }
}

/// The verdict of a format on an image that seems to be its own.
package struct Recognition: Sendable, Equatable {
  /// How sure it is, from 1 to `certain`.
  package var score: Int
  /// By what it is known, in words, such as `the magic number at byte 0`.
  package var reason: String

  /// The score of what can be nothing else.
  package static let certain = 100
  /// The score of what stands at the end, which the guest writes in images that begin with the sign of another format.
  package static let tail = 90

  /// Makes an answer.
  package init(_ score: Int = Recognition.certain, by reason: String) {
    self.score = score
    self.reason = reason
  }
}

extension [any DriverKind] {
  /// The format that is most sure of an image, with what it says; of equally sure ones the first. One that is certain
  /// ends the search.
  package func recognize(_ input: ProbeInput) -> (kind: any DriverKind, recognition: Recognition)? {
    var best: (kind: any DriverKind, recognition: Recognition)?
    for kind in self where !kind.isProtocol {
      guard let found = kind.probe(input), found.score > best?.recognition.score ?? 0 else { continue }
      best = (kind, found)
      if found.score >= Recognition.certain { break }
    }
    return best
  }
}
