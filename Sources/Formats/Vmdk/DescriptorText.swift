// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The text of a descriptor, of which single lines are changed: all others stay as they are, with their line ends.
///
/// Of a key that stands in several lines, all are changed: programs differ in which one they take.
struct DescriptorText {
  /// The text.
  private(set) var bytes: [UInt8]

  /// A text that a descriptor was read from.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The ranges of all lines, without their ends.
  private var lines: [Range<Int>] {
    var lines: [Range<Int>] = []
    var start = 0
    for end in bytes.indices where bytes[end] == Ascii.lineFeed || bytes[end] == Ascii.carriageReturn {
      lines.append(start..<end)
      start = end + 1
    }
    lines.append(start..<bytes.count)
    return lines
  }

  private var lineEnd: [UInt8] {
    guard let first = bytes.firstIndex(of: Ascii.lineFeed), first > 0,
      bytes[first - 1] == Ascii.carriageReturn
    else { return [Ascii.lineFeed] }
    return [Ascii.carriageReturn, Ascii.lineFeed]
  }

  // MARK: Keys

  /// The ranges of a key's values, with their quotes.
  private func places(of key: String) -> [Range<Int>] {
    lines.compactMap { range in
      let line = Ascii.trimmed(bytes[range])
      guard line.first != Ascii.hash, !isExtent(line), let equal = line.firstIndex(of: Ascii.equal),
        Ascii.lowercase(Ascii.trimmed(line[..<equal])) == key.lowercased()
      else { return nil }
      let value = Ascii.trimmed(line[(equal + 1)...])
      return value.startIndex..<value.endIndex
    }
  }

  /// The last value of a key, without quotes.
  func value(of key: String) -> String? {
    places(of: key).last.map { String(spelling: Ascii.unquoted(bytes[$0])) }
  }

  /// Lets a key have a value. Where there is none yet, its line comes behind the last one of `predecessor`, or to the end.
  ///
  /// - Parameter line: the whole line where it has to be added.
  mutating func set(_ key: String, to value: String, behind predecessor: String? = nil, line: String) {
    let places = places(of: key)
    guard !places.isEmpty else { return add(line, behind: predecessor.flatMap { self.places(of: $0).last }) }
    for place in places.reversed() {
      let spelled = value.spelledBytes
      let quote = bytes[place].first == Ascii.quote || spelled.contains(Ascii.space) ? [Ascii.quote] : []
      bytes.replaceSubrange(place, with: quote + spelled + quote)
    }
  }

  /// Takes all lines of a key away.
  mutating func remove(_ key: String) {
    for place in places(of: key).reversed() {
      guard let line = lines.last(where: { $0.lowerBound <= place.lowerBound }) else { continue }
      removeLine(line)
    }
  }

  private mutating func removeLine(_ line: Range<Int>) {
    var end = line.upperBound
    if end < bytes.count, bytes[end] == Ascii.carriageReturn { end += 1 }
    if end < bytes.count, bytes[end] == Ascii.lineFeed { end += 1 }
    bytes.removeSubrange(line.lowerBound..<end)
  }

  private mutating func add(_ line: String, behind place: Range<Int>?) {
    let text = line.spelledBytes
    if let place, let before = lines.last(where: { $0.lowerBound <= place.lowerBound }) {
      bytes.insert(contentsOf: lineEnd + text, at: before.upperBound)
    } else {
      let ending = lineEnd
      if let last = bytes.last, last != Ascii.lineFeed, last != Ascii.carriageReturn { bytes += ending }
      bytes += text + ending
    }
  }

  // MARK: The announcement

  /// A comment for other programs: the identifier that the parent's content is about to have.
  private static let announcement = "# strata-parentCID="

  /// The identifier that a line without blanks around it announces; nil where it is another line, or not all of one.
  static func announcement(_ line: ArraySlice<UInt8>) -> UInt32? {
    let start = Array(announcement.utf8)
    guard line.starts(with: start), line.count == start.count + 8 else { return nil }
    return Ascii.hexadecimal(line.dropFirst(start.count))
  }

  /// Announces an identifier, or none any more: at the end, so that all lines before stay where they are and no broken write
  /// can harm them.
  mutating func announce(_ identifier: UInt32?) {
    let start = Array(DescriptorText.announcement.utf8)
    for line in lines.reversed() where bytes[line].starts(with: start) { removeLine(line) }
    guard let identifier else { return }
    add(DescriptorText.announcement + VmdkDescriptor.digits(identifier), behind: nil)
  }

  // MARK: Extents

  private func isExtent(_ line: ArraySlice<UInt8>) -> Bool {
    ((try? VmdkExtentLine(line)) ?? nil) != nil
  }

  private var extentLines: [Range<Int>] { lines.filter { isExtent(Ascii.trimmed(bytes[$0])) } }

  /// Lets the part with a number have another length, in sectors.
  mutating func setSectors(_ sectors: UInt64, ofExtent number: Int) {
    let extents = extentLines
    guard extents.indices.contains(number) else { return }
    var rest = Ascii.trimmed(bytes[extents[number]])
    _ = Ascii.takeWord(&rest)
    let place = rest.startIndex
    let word = Ascii.takeWord(&rest)
    bytes.replaceSubrange(place..<place + word.count, with: Array(String(sectors).utf8))
  }

  /// Takes the parts away behind the one with a number.
  mutating func removeExtents(behind number: Int) {
    for line in extentLines.dropFirst(number + 1).reversed() { removeLine(line) }
  }

  /// Adds a part behind the last one.
  mutating func add(_ extent: VmdkExtentLine) { add(extent.text, behind: extentLines.last) }
}
