// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Host
import Options
import Support
import Testing

@testable import Crypto

/// Whole headers, and each way to break one, named after the defect.
enum BrokenHeaders {
  struct Defect: Sendable, CustomTestStringConvertible {
    var name: String
    /// What the message says of it.
    var complaint: String
    var breakIt: @Sendable (inout [UInt8]) -> Void
    var testDescription: String { name }
  }

  static func header(_ version: Int) -> [UInt8] {
    let area = MemoryArea(version == 1 ? 3 << 20 : 17 << 20)
    guard let recipe = try? LuksHeaderTests.recipe(version, .pbkdf2),
      (try? LuksHeader.create(recipe, passphrase: LuksHeaderTests.secret("a"), in: area)) != nil
    else { return [] }
    return area.bytes
  }

  static let whole1 = header(1)
  static let whole2 = header(2)

  // MARK: Version 1

  private static func put(_ name: String, _ offset: Int, _ bytes: [UInt8], _ complaint: String) -> Defect {
    Defect(name: name, complaint: complaint) {
      $0.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
  }

  private static func slot(_ number: Int, _ field: Int) -> Int { 208 + 48 * number + field }

  static let version1: [Defect] = [
    put("magic damaged", 0, [0x58], "Volume is not in LUKS format"),
    put("version 3", 6, [0, 3], "LUKS version 3 is not supported"),
    put("cipher unknown", 8, Array("foo\0".utf8), "Algorithm 'foo' with key size 32 bytes"),
    put("cipher name with a line feed", 8, Array("a\ns\0".utf8), "cipher name is not a name"),
    put("cipher name empty", 8, [0], "cipher name is not a name"),
    put("cipher mode without IV", 40, Array("xts\0".utf8), "Unexpected cipher mode string format 'xts'"),
    put("cipher mode unknown", 40, Array("lrw-plain64\0".utf8), "mode 'lrw' not supported"),
    put("IV generator unknown", 40, Array("xts-foo\0".utf8), "IV generator 'foo' not supported"),
    put("IV hash unknown", 40, Array("cbc-essiv:foo\0".utf8), "Hash algorithm 'foo' not supported"),
    put("hash unknown", 72, Array("foo\0".utf8), "Hash algorithm 'foo' not supported"),
    put("payload at 0", 104, [0, 0, 0, 0], "payload is overlapping with the header"),
    put("payload over key 0", 104, [0, 0, 0, 8], "Keyslot 0 is overlapping with the encrypted payload"),
    put(
      "payload over key 7", 104, [0, 0, 0x0F, 0xC0], "Keyslot 7 is overlapping with the encrypted payload"),
    put("payload past the end", 104, [0xFF, 0xFF, 0xFF, 0xFF], "is past the end of the file"),
    put("no key bytes", 108, [0, 0, 0, 0], "volume key of 0 bytes"),
    put("key bytes absurd", 108, [0xFF, 0xFF, 0xFF, 0xFF], "volume key of 4294967295 bytes"),
    put("key bytes odd", 108, [0, 0, 0, 63], "should be a multiple of 2"),
    put("key bytes of no cipher", 108, [0, 0, 0, 34], "key size 17 bytes"),
    put("key shorter than the slots", 108, [0, 0, 0, 48], "Invalid password"),
    put("digest iterations zero", 164, [0, 0, 0, 0], "LUKS key iteration count is zero"),
    put("digest iterations huge", 164, [0xFF, 0xFF, 0xFF, 0xFF], "LUKS key iteration count 4294967295"),
    put("slot state damaged", slot(3, 0), [1, 2, 3, 4], "Keyslot 3 state (active/disable) is corrupted"),
    put("slot iterations zero", slot(0, 4), [0, 0, 0, 0], "Keyslot 0 iteration count is zero"),
    put(
      "slot iterations huge", slot(0, 4), [0x7F, 0xFF, 0xFF, 0xFF], "Keyslot 0 iteration count 2147483647"),
    put("key at 0", slot(0, 40), [0, 0, 0, 0], "Keyslot 0 is overlapping with the LUKS header"),
    put("key in the header", slot(2, 40), [0, 0, 0, 1], "Keyslot 2 is overlapping with the LUKS header"),
    put("key offset huge", slot(0, 40), [0xFF, 0xFF, 0xFF, 0xFF], "Keyslot 0 is overlapping with the encr"),
    put("keys overlapping", slot(1, 40), [0, 0, 0, 8], "Keyslots 0 and 1 are overlapping"),
    put("stripes 1", slot(0, 44), [0, 0, 0, 1], "Keyslot 0 is corrupted (stripes 1 != 4000)"),
    put("stripes huge", slot(7, 44), [0xFF, 0xFF, 0xFF, 0xFF], "Keyslot 7 is corrupted (stripes 4294967295"),
    put("digest damaged", 112, [1, 2, 3, 4], "Invalid password"),
    put("salt damaged", slot(0, 8), [1, 2, 3, 4], "Invalid password"),
    Defect(name: "no slot active", complaint: "Invalid password") { bytes in
      bytes.replaceSubrange(slot(0, 0)..<slot(0, 4), with: [0, 0, 0xDE, 0xAD])
    },
    Defect(name: "cut inside the header", complaint: "Keyslot 1 is corrupted") {
      $0.removeLast($0.count - 300)
    },
    Defect(name: "cut inside the keys", complaint: "is past the end of the file") {
      $0.removeLast($0.count - 100_000)
    },
    Defect(name: "cut before the magic ends", complaint: "Volume is not in LUKS format") {
      $0.removeLast($0.count - 5)
    },
  ]

  // MARK: Version 2

  /// Changes the bytes of both copies and makes their checksums right again.
  private static func both(_ bytes: inout [UInt8], _ change: (inout [UInt8]) -> Void) {
    for start in [0, 16384] {
      var copy = Array(bytes[start..<start + 16384])
      change(&copy)
      copy.replaceSubrange(448..<512, with: Array(repeating: 0, count: 64))
      let buffer = Buffer(copy)
      var sum: [UInt8] = []
      if let hash = try? Digest.sha256.hash(buffer.bytes) { sum = hash.bytes.array }
      copy.replaceSubrange(448..<448 + sum.count, with: sum)
      bytes.replaceSubrange(start..<start + 16384, with: copy)
    }
  }

  private static func binary(_ name: String, _ offset: Int, _ new: [UInt8], _ complaint: String) -> Defect {
    Defect(name: name, complaint: complaint) { bytes in
      both(&bytes) { $0.replaceSubrange(offset..<offset + new.count, with: new) }
    }
  }

  private static func text(_ name: String, _ old: String, _ new: String, _ complaint: String) -> Defect {
    Defect(name: name, complaint: complaint) { bytes in
      both(&bytes) { copy in
        let end = copy[4096...].firstIndex(of: 0) ?? copy.count
        let before = String(decoding: copy[4096..<end], as: UTF8.self)
        let after = before.replacing(old, with: new, maxReplacements: 1)
        precondition(after != before, "the defect '\(name)' finds nothing to break")
        var area = Array(after.utf8.prefix(12288))
        area += Array(repeating: 0, count: 12288 - area.count)
        copy.replaceSubrange(4096..., with: area)
      }
    }
  }

  /// Changes the bytes of the JSON text of both copies.
  private static func bytes(
    _ name: String, _ change: @escaping @Sendable ([UInt8]) -> [UInt8], _ complaint: String
  ) -> Defect {
    Defect(name: name, complaint: complaint) { bytes in
      both(&bytes) { copy in
        let end = copy[4096...].firstIndex(of: 0) ?? copy.count
        let area = Array(change(Array(copy[4096..<end])).prefix(12288))
        copy.replaceSubrange(4096..., with: area + Array(repeating: 0, count: 12288 - area.count))
      }
    }
  }

  /// Changes the metadata of both copies.
  static func metadata(_ bytes: inout [UInt8], _ change: (inout OptionObject) -> Void) {
    both(&bytes) { copy in
      let end = copy[4096...].firstIndex(of: 0) ?? copy.count
      let text = String(decoding: copy[4096..<end], as: UTF8.self)
      guard var root = (try? JSONParser.parse(text))?.object else { return }
      change(&root)
      let area = Array(JSONWriter.compact(.object(root)).utf8.prefix(12288))
      copy.replaceSubrange(4096..., with: area + Array(repeating: 0, count: 12288 - area.count))
    }
  }

  private static func digest(_ name: String, _ key: String, _ value: OptionTree?, _ complaint: String)
    -> Defect
  {
    Defect(name: name, complaint: complaint) { bytes in
      metadata(&bytes) { $0 = change(.object($0), ["digests", "0", key], value).object ?? [:] }
    }
  }

  /// `tree` with the value at `path` replaced, or gone.
  static func change(_ tree: OptionTree, _ path: [String], _ value: OptionTree?) -> OptionTree {
    guard let key = path.first, var object = tree.object else { return tree }
    object[key] =
      path.count == 1 ? value : object[key].map { change($0, Array(path.dropFirst()), value) }
    return .object(object)
  }

  static let version2: [Defect] = [
    binary("magic of both damaged", 0, [0x58], "Volume is not in LUKS format"),
    binary("version 9 in both", 6, [0, 9], "LUKS version 9 is not supported"),
    binary("header size 0", 8, Array(repeating: 0, count: 8), "header size 0 is not possible"),
    binary("header size huge", 8, Array(repeating: 0xFF, count: 8), "header size 18446744073709551615"),
    binary("header size not a power", 8, [0, 0, 0, 0, 0, 0, 0x50, 0], "header size 20480"),
    binary("header offset wrong", 256, [1], "says that it lies at"),
    binary("checksum algorithm unknown", 72, Array("foo\0".utf8), "Hash algorithm 'foo' not supported"),
    binary("checksum algorithm no name", 72, [0x0A], "checksum algorithm is not a name"),
    Defect(name: "checksum of both wrong", complaint: "checksum is wrong") { bytes in
      bytes[448] ^= 1
      bytes[16384 + 448] ^= 1
    },
    text("JSON cut", "}", "", "is not JSON"),
    text("JSON no object", "{", "[{", "JSON"),
    text("JSON deep", "\"tokens\":{}", "\"tokens\":" + String(repeating: "[", count: 4000), "JSON"),
    text("no keyslots", "\"keyslots\":{\"0\"", "\"keyslot\":{\"0\"", "no object 'keyslots'"),
    text("slot without a number", "\"keyslots\":{\"0\"", "\"keyslots\":{\"x\"", "number from 0 to 31"),
    text("slot number 32", "\"keyslots\":{\"0\"", "\"keyslots\":{\"32\"", "number from 0 to 31"),
    text("slot type unknown", "\"type\":\"luks2\"", "\"type\":\"foo\"", "Keyslot 0 is of an unknown type"),
    text("key size absurd", "\"key_size\":64", "\"key_size\":6400000", "holds a key of 6400000 bytes"),
    text("stripes huge", "\"stripes\":4000", "\"stripes\":400000000", "stripes 400000000 != 4000"),
    text(
      "area in the header", "\"offset\":\"32768\"", "\"offset\":\"4096\"", "overlapping with the LUKS header"),
    text(
      "area outside", "\"offset\":\"32768\"", "\"offset\":\"99999744\"", "outside the key material area"),
    text(
      "area offset overflows", "\"offset\":\"32768\"", "\"offset\":\"18446744073709551615\"",
      "is not possible"),
    text(
      "area size huge", "\"size\":\"258048\"", "\"size\":\"9999999999\"", "outside the key material area"),
    text("area size no number", "\"size\":\"258048\"", "\"size\":\"-1\"", "no number as text 'size'"),
    text("area too small for its key", "\"size\":\"258048\"", "\"size\":\"4096\"", "area of 4096 bytes"),
    text(
      "area cipher unknown", "\"encryption\":\"aes-xts-plain64\"", "\"encryption\":\"foo-xts-plain64\"",
      "Keyslot 0: Algorithm 'foo'"),
    text("area cipher no name", "\"encryption\":\"aes-", "\"encryption\":\"\\n-", "encryption of Keyslot 0"),
    text(
      "stripes' hash unknown", "\"hash\":\"sha256\"", "\"hash\":\"foo\"", "Keyslot 0: Hash algorithm 'foo'"),
    text("slot salt no base64", "\"salt\":\"", "\"salt\":\"!", "Keyslot 0 has no salt"),
    text("iterations huge", "\"iterations\":", "\"iterations\":9999999", "is larger than the limit"),
    text("derivation unknown", "\"type\":\"pbkdf2\"", "\"type\":\"foo\"", "key derivation is not known"),
    text(
      "Argon2 memory huge", "\"type\":\"pbkdf2\"",
      "\"type\":\"argon2id\",\"time\":4,\"memory\":4294967295,\"cpus\":4", "Argon2 memory of 4294967295 KiB"),
    text(
      "Argon2 passes huge", "\"type\":\"pbkdf2\"",
      "\"type\":\"argon2id\",\"time\":4294967295,\"memory\":65536,\"cpus\":4",
      "Argon2 work of 4294967295 passes"),
    text(
      "Argon2 threads huge", "\"type\":\"pbkdf2\"",
      "\"type\":\"argon2id\",\"time\":4,\"memory\":65536,\"cpus\":4000", "Argon2 thread count 4000"),
    text(
      "no segment", "\"segments\":{\"0\"", "\"segments\":{},\"x\":{\"0\"", "names a segment that there is not"
    ),
    text("segment not encrypted", "\"type\":\"crypt\"", "\"type\":\"linear\"", "segment 0 is not encrypted"),
    text(
      "segment with integrity", "\"type\":\"crypt\"",
      "\"type\":\"crypt\",\"integrity\":{\"type\":\"aead\",\"journal_encryption\":\"none\","
        + "\"journal_integrity\":\"none\"}", "integrity protection"),
    text(
      "segment offset past the end", "\"offset\":\"16777216\"", "\"offset\":\"1677721600\"", "past the end"),
    text("segment over the keys", "\"offset\":\"16777216\"", "\"offset\":\"4096\"", "payload is overlapping"),
    text("segment size ragged", "\"size\":\"dynamic\"", "\"size\":\"1000\"", "payload of 1000 bytes"),
    text("sector size 0", "\"sector_size\":512", "\"sector_size\":0", "sectors of 0 bytes"),
    text("sector size 8192", "\"sector_size\":512", "\"sector_size\":8192", "sectors of 8192 bytes"),
    text("no digest", "\"segments\":[\"0\"]", "\"segments\":[]", "segment 0 has no digest"),
    text("JSON size wrong", "\"json_size\":\"12288\"", "\"json_size\":\"1\"", "metadata size 1 does not fit"),
    text(
      "key area huge", "\"keyslots_size\":\"16744448\"", "\"keyslots_size\":\"999999999488\"",
      "key material area"),
    text(
      "requirement unknown", "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"foo\"]},",
      "requires 'foo'"),
    text(
      "cipher unknown", "\"encryption\":\"aes-xts-plain64\",\"sector",
      "\"encryption\":\"foo-xts-plain64\",\"sector", "Algorithm 'foo'"),
    text("key not this segment's", "\"keyslots\":[\"0\"]", "\"keyslots\":[]", "key slot 0 has no digest"),
    digest("digest without a value", "digest", nil, "no text 'digest'"),
    digest("digest of nothing", "digest", "", "no text 'digest'"),
    digest("digest no base64", "digest", "!!!!", "no base64 'digest'"),
    digest("digest too short", "digest", "AAAA", "digest of 3 bytes is none of sha256"),
    digest("digest without a salt", "salt", nil, "no text 'salt'"),
    digest("digest with a salt of nothing", "salt", "", "no text 'salt'"),
    digest("digest with an unknown hash", "hash", "foo", "Hash algorithm 'foo' not supported"),
    digest("digest without a hash", "hash", nil, "no text 'hash'"),
    digest("digest with a number for a hash", "hash", 5, "no text 'hash'"),
    bytes("text before the JSON", { [0x20] + $0 }, "does not begin with a JSON object"),
    bytes("text behind the JSON", { $0 + Array("{}".utf8) }, "is not JSON"),
    bytes("text behind the end of the JSON", { $0 + [0, 0x78] }, "has text behind its end"),
    bytes("JSON without an end", { $0 + Array(repeating: 0x20, count: 12288 - $0.count) }, "has no end"),
    Defect(name: "key material lost", complaint: "Keyslot 0 has lost its key material") {
      $0.replaceSubrange(32768..<32768 + 258048, with: Array(repeating: 0, count: 258048))
    },
    Defect(name: "cut inside the JSON", complaint: "LUKS") { $0.removeLast($0.count - 5000) },
    Defect(name: "cut inside the keys", complaint: "is past the end of the file") {
      $0.removeLast($0.count - 100_000)
    },
  ]
}
