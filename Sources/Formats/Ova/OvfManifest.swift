// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Crypto
internal import Errors

/// The digests of an appliance's files: lines like `SHA256(disk.vmdk)= 1f…`.
struct OvfManifest {
  /// A digest.
  struct Entry: Equatable {
    /// The hash function as it is called here: `sha256`.
    var algorithm: String
    var digest: [UInt8]

    /// What is said of the file `name` that has another digest.
    func words(of name: String) -> String {
      "'\(name)' is not what the manifest says: its \(algorithm.uppercased()) differs"
    }

    /// - Throws: kind `corrupt` where what was computed of the file `name` is another digest.
    func require(_ found: [UInt8], of name: String) throws(BlockError) {
      guard found != digest else { return }
      throw BlockError(
        .corrupt, words(of: name),
        advice: "The file was damaged or changed. --no-verify reads it all the same.")
    }
  }

  /// The most bytes of a manifest.
  static let longest: UInt64 = 1 << 20

  private(set) var entries: [String: Entry] = [:]

  /// The hash functions of the digests: `sha1, sha256`.
  var algorithms: String { Set(entries.values.map(\.algorithm)).sorted().joined(separator: ", ") }

  /// Reads a manifest, in any of the spellings that programs write.
  ///
  /// - Throws: kind `corrupt` for a line that is none, `refused` for a file with two digests.
  init(parsing text: [UInt8]) throws(BlockError) {
    var number = 0
    for line in OvfManifest.lines(text) {
      number += 1
      let line = OvfManifest.trimmed(line)
      guard !line.isEmpty else { continue }
      guard let (name, entry) = OvfManifest.entry(line) else {
        throw BlockError(.corrupt, "line \(number) of the manifest is no digest of a file")
      }
      // A second digest by another function would be one that nobody looks at.
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw BlockError(.refused, "the manifest has two digests of '\(name)'")
      }
    }
  }

  /// The lines, which end with a line feed, a carriage return, or both.
  private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var rest = text[...]
    while let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
      lines.append(rest[..<end])
      let isBoth = rest[end...].starts(with: [0x0D, 0x0A])
      rest = rest[(end + (isBoth ? 2 : 1))...]
    }
    return lines + [rest]
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text.drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func entry(_ line: ArraySlice<UInt8>) -> (String, Entry)? {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")),
      let close = line.lastIndex(of: UInt8(ascii: ")")),
      open < close, let equal = line[close...].firstIndex(of: UInt8(ascii: "=")),
      line[(close + 1)..<equal].allSatisfy(isBlank)
    else { return nil }
    let word = String(decoding: line[..<open], as: UTF8.self).lowercased()
    let algorithm = word.filter { $0 != " " && $0 != "-" && $0 != "\t" }
    let known = [
      "sha1": ("sha1", 20), "sha256": ("sha256", 32), "sha2256": ("sha256", 32), "sha512": ("sha512", 64),
      "sha2512": ("sha512", 64), "sha384": ("sha384", 48),
    ]
    guard let (name, size) = known[algorithm] else { return nil }
    let digits = line[(equal + 1)...].filter { !isBlank($0) }
    guard digits.count == 2 * size else { return nil }
    var digest: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
      digest.append(high << 4 | low)
    }
    let file = TarIndex.plain(Array(trimmed(line[(open + 1)..<close])))
    return file.isEmpty ? nil : (file, Entry(algorithm: name, digest: digest))
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }

  /// The line of a file, as every program reads it.
  static func line(_ name: String, algorithm: String, digest: [UInt8]) -> [UInt8] {
    let digits = digest.map { (byte) -> String in
      let text = String(byte, radix: 16)
      return text.utf8.count == 1 ? "0" + text : text
    }
    return Array("\(algorithm.uppercased())(".utf8) + name.spelledBytes
      + Array(")= \(digits.joined())\n".utf8)
  }
}
