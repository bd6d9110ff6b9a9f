// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The text by which a VMDK names the files that it consists of. It has no magic number.
package enum DescriptorFile {
  /// Whether the start of a file is such a text, in any spelling that some program follows.
  ///
  /// That is: a first line `# Disk DescriptorFile`, or a version behind nothing but comments, or a key that all
  /// descriptors have together with the line of an extent.
  package static func isIn(_ head: RawSpan) -> Bool {
    var isBehindComments = true
    var hasKey = false
    var hasExtent = false
    for line in lines(of: head) {
      if line.first == Ascii.hash {
        let title = line.drop { $0 == Ascii.hash || $0 == Ascii.space || $0 == Ascii.tab }
        if isBehindComments, starts(title, with: "disk descriptorfile") { return true }
        continue
      }
      if let (key, value) = assignment(line) {
        if key == "version", isBehindComments, ["1", "2", "3"].contains(value) { return true }
        if ["version", "createtype", "cid", "parentcid"].contains(key) { hasKey = true }
      } else if isExtent(line) {
        hasExtent = true
      }
      if hasKey && hasExtent { return true }
      isBehindComments = false
    }
    return false
  }

  private enum Ascii {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let hash = UInt8(ascii: "#")
    static let equal = UInt8(ascii: "=")
  }

  /// The lines of the text that `head` starts with, in small letters, without blank ones and blanks around them.
  private static func lines(of head: RawSpan) -> [[UInt8]] {
    var lines: [[UInt8]] = []
    var line: [UInt8] = []
    func end() {
      while let last = line.last, last == Ascii.space || last == Ascii.tab { line.removeLast() }
      if !line.isEmpty { lines.append(line) }
      line = []
    }
    let count = min(head.byteCount, Signature.headLength)
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    var index = 0
    while index < min(count, 3), head.byte(at: index) == byteOrderMark[index] { index += 1 }
    while index < count {
      let byte = head.byte(at: index)
      index += 1
      switch byte {
      case Ascii.lineFeed, Ascii.carriageReturn: end()
      case Ascii.space, Ascii.tab: if !line.isEmpty { line.append(byte) }
      // Comments may hold anything.
      case 0..<Ascii.space where line.first == Ascii.hash: line.append(byte)
      // A byte that is no text ends it: most disks at their first byte.
      case 0..<Ascii.space:
        end()
        return lines
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): line.append(byte | 0x20)
      default: line.append(byte)
      }
    }
    end()
    return lines
  }

  private static func starts(_ line: ArraySlice<UInt8>, with text: String) -> Bool {
    line.starts(with: text.utf8)
  }

  /// Key and value of a line with an equal sign, without the blanks around it.
  private static func assignment(_ line: [UInt8]) -> (key: String, value: String)? {
    guard let equal = line.firstIndex(of: Ascii.equal) else { return nil }
    let isBlank = { (byte: UInt8) in byte == Ascii.space || byte == Ascii.tab }
    var key = line[..<equal]
    while let last = key.last, isBlank(last) { key.removeLast() }
    let value = line[line.index(after: equal)...].drop(while: isBlank)
    return (String(decoding: key, as: UTF8.self), String(decoding: value, as: UTF8.self))
  }

  /// Whether a line says how an extent may be used, how long it is and of which kind.
  private static func isExtent(_ line: [UInt8]) -> Bool {
    let words = line.split { $0 == Ascii.space || $0 == Ascii.tab }
    guard words.count >= 3 else { return false }
    return ["rw", "rdonly", "noaccess"].contains(String(decoding: words[0], as: UTF8.self))
      && words[1].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
