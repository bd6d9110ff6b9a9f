// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Host
import Options
import Support
import Testing

@testable import Crypto

/// One field of a LUKS2 header's metadata wrong, for every field there is and every way to be wrong: what cryptsetup
/// does not take for a header is none here, and the message names the field.
@Suite struct MetadataSchemaTests {
  struct Mutation: Sendable, CustomTestStringConvertible {
    var path: [String]
    var way: String
    var value: OptionTree?
    var testDescription: String { path.joined(separator: ".") + " " + way }
  }

  /// A header with two slots, one of Argon2, a token, flags and priorities.
  static let whole: [UInt8] = {
    var bytes = BrokenHeaders.whole2
    BrokenHeaders.metadata(&bytes) { root in
      root["tokens"] = ["0": ["type": "foo", "keyslots": ["0"]]]
      var slot = root["keyslots"]?.object?["0"] ?? .null
      slot = BrokenHeaders.change(slot, ["area", "offset"], "290816")
      slot = BrokenHeaders.change(
        slot, ["kdf"],
        [
          "type": "argon2id", "time": 4, "memory": 64, "cpus": 2,
          "salt": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ])
      root = BrokenHeaders.change(.object(root), ["keyslots", "1"], slot).object ?? root
      root = BrokenHeaders.change(.object(root), ["digests", "0", "keyslots"], ["0", "1"]).object ?? root
      root = BrokenHeaders.change(.object(root), ["segments", "0", "flags"], ["foo"]).object ?? root
      root = BrokenHeaders.change(.object(root), ["config", "flags"], ["allow-discards"]).object ?? root
      root =
        BrokenHeaders.change(.object(root), ["config", "requirements"], ["mandatory": []]).object ?? root
    }
    return bytes
  }()

  private static func ways(_ value: OptionTree) -> [(String, OptionTree?)] {
    var ways: [(String, OptionTree?)] = [
      ("missing", nil), ("null", .null), ("true", .bool(true)), ("in an array", .array([value])),
    ]
    switch value {
    case .integer(let number):
      ways += [
        ("as text", .string("\(number)")), ("negative", .integer(-1)), ("zero", .integer(0)),
        ("a fraction", .real(1.5)),
      ]
      ways += [("of 33 bits", .integer(1 << 32))]
    case .string(let text):
      ways += [
        ("a number", .integer(5)), ("empty", .string("")), ("foo", .string("foo")),
        ("an object", .object([:])),
      ]
      if let number = Int64(text) {
        ways += [
          ("as a number", .integer(number)), ("zero", .string("0")), ("negative", .string("-" + text)),
        ]
        ways += [
          ("hexadecimal", .string("0x" + String(number, radix: 16))), ("with a space", .string(" " + text)),
        ]
        ways += [("of 65 bits", .string("18446744073709551616")), ("odd", .string("\(number + 1)"))]
      }
    case .array:
      ways += [
        ("text", .string("0")), ("of numbers", [0]), ("of what there is not", ["7"]), ("empty", .array([])),
      ]
    case .object: ways += [("an array", .array([])), ("empty", .object([:])), ("text", .string("x"))]
    default: break
    }
    return ways
  }

  private static func walk(_ object: OptionObject, _ path: [String]) -> [Mutation] {
    var mutations: [Mutation] = []
    for entry in object.entries {
      let place = path + [entry.key]
      for (way, value) in ways(entry.value) {
        mutations.append(Mutation(path: place, way: way, value: value))
      }
      if let inside = entry.value.object { mutations += walk(inside, place) }
    }
    return mutations
  }

  static let mutations: [Mutation] = {
    var bytes = whole
    var found: [Mutation] = []
    BrokenHeaders.metadata(&bytes) { found = walk($0, []) }
    let slot: OptionTree = ["type": "foo", "key_size": 64]
    found += [
      Mutation(path: ["keyslots", "1"], way: "of an unknown type without an area", value: slot),
      Mutation(path: ["keyslots", "x"], way: "is no number", value: slot),
      Mutation(path: ["keyslots", "01"], way: "is no number as it is written", value: slot),
      Mutation(path: ["keyslots", "2"], way: "has no digest", value: slot),
      Mutation(
        path: ["segments", "2"], way: "is not the next",
        value: ["type": "linear", "offset": "16777216", "size": "dynamic"]),
      Mutation(path: ["segments", "0", "flags"], way: "say it is a backup", value: ["backup-final"]),
      Mutation(path: ["segments", "0", "integrity"], way: "empty", value: [:]),
      Mutation(path: ["tokens", "x"], way: "is no number", value: ["type": "foo", "keyslots": []]),
      Mutation(
        path: ["digests", "x"], way: "is no number",
        value: ["type": "pbkdf2", "keyslots": [], "segments": []]),
    ]
    return found
  }()

  static func mutated(_ mutation: Mutation) -> [UInt8] {
    var bytes = whole
    BrokenHeaders.metadata(&bytes) {
      $0 = BrokenHeaders.change(.object($0), mutation.path, mutation.value).object ?? [:]
    }
    return bytes
  }

  @Test("the whole header is one to both") func wholeHeader() throws {
    let folder = TemporaryFolder()
    try Files.write(MetadataSchemaTests.whole, to: folder.file("header"))
    #expect(Shell.run("cryptsetup luksDump header >log", folder: folder.path).status == 0)
    let area = MemoryArea(0)
    area.bytes = MetadataSchemaTests.whole
    #expect(try LuksHeader(in: area).activeSlots == [0, 1])
    #expect(MetadataSchemaTests.mutations.count > 200)
  }

  @Test("what cryptsetup refuses is refused here, by the field's name")
  func schema() throws {
    let folder = TemporaryFolder()
    for (index, mutation) in MetadataSchemaTests.mutations.enumerated() {
      // The end, where no metadata is, as a hole.
      try Files.write(Array(MetadataSchemaTests.mutated(mutation).prefix(32768)), to: folder.file("\(index)"))
    }
    let outcome = Shell.run(
      """
      for file in [0-9]*; do
        truncate -s 17M $file
        cryptsetup luksDump $file >log 2>&1 && cryptsetup luksDump --dump-json-metadata $file >log 2>&1 || echo $file
        rm $file
      done
      """, folder: folder.path)
    let refused = Set(outcome.output.split(separator: "\n").compactMap { Int($0) })
    #expect(refused.count > 100)
    for (index, mutation) in MetadataSchemaTests.mutations.enumerated() {
      let area = MemoryArea(0)
      area.bytes = MetadataSchemaTests.mutated(mutation)
      var message: String?
      do {
        _ = try LuksHeader(unconfirmed: area, isDetached: false)
      } catch {
        message = error.message
      }
      if refused.contains(index) {
        #expect(message != nil, "\(mutation.testDescription)")
        #expect(message?.contains("\n") != true)
      } else if message == nil {
        // What it takes for a header and we do, the library does, too.
        #expect(throws: Never.self, "\(mutation.testDescription)") { _ = try LuksHeader(in: area) }
      }
    }
  }

  static let left: [(path: [String], value: OptionTree, reason: String)] = [
    (["keyslots", "1", "type"], "foo", "Keyslot 1 is of an unknown type"),
    (["keyslots", "1", "kdf", "type"], "foo", "Keyslot 1 key derivation is not known"),
    (
      ["keyslots", "1", "kdf", "memory"], .integer(4_294_967_295), "Keyslot 1 Argon2 memory of 4294967295 KiB"
    ),
    (
      ["keyslots", "1", "kdf", "time"], .integer(4_000_000_000), "Keyslot 1 Argon2 work of 4000000000 passes"
    ),
    (["keyslots", "1", "area", "encryption"], "\n", "encryption of Keyslot 1 is not a name"),
    (["keyslots", "1", "area", "size"], "4096", "Keyslot 1 area of 4096 bytes"),
    (["keyslots", "1", "af", "stripes"], 1, "Keyslot 1 is corrupted (stripes 1 != 4000)"),
    (["keyslots", "1", "key_size"], 32, "Keyslot 1 holds a key of another length"),
  ]

  @Test("a slot that cannot be used is left alone, and the others work", arguments: left)
  func leftAlone(_ row: (path: [String], value: OptionTree, reason: String)) throws {
    let area = MemoryArea(0)
    area.bytes = MetadataSchemaTests.mutated(Mutation(path: row.path, way: "", value: row.value))
    let header = try LuksHeader(in: area)
    #expect(header.usableSlots == [0])
    #expect(header.unusableSlots.count == 1 && header.unusableSlots.first?.number == 1)
    #expect(header.unusableSlots.first?.reason.contains(row.reason) == true, "\(header.unusableSlots)")
    var told: [String] = []
    header.tellBeforeUnlocking(of: "x", isUntrusted: false) { told.append($0) }
    #expect(told.count == 1)
    let key = try header.unlock(LuksHeaderTests.secret("a"), in: area)
    // Keys can still be changed, and the slot stays as it is.
    let after = try header.adding(
      LuksHeaderTests.secret("b"), for: key, slot: nil, iterationTime: 1, in: area)
    #expect(after.usableSlots == [0, 2] && after.unusableSlots.count == 1)
    #expect(try after.unlock(LuksHeaderTests.secret("b"), in: area).slot == 2)
  }

  @Test("what nobody vouches for may cost less, and says what it costs")
  func untrusted() throws {
    let area = MemoryArea(0)
    area.bytes = MetadataSchemaTests.mutated(
      Mutation(path: ["keyslots", "1", "kdf", "memory"], way: "", value: .integer(3 << 20)))
    #expect(try LuksHeader(in: area).usableSlots == [0, 1])
    let header = try LuksHeader(in: area, limits: .untrusted)
    #expect(header.usableSlots == [0])
    var told: [String] = []
    header.tellBeforeUnlocking(of: "x", isUntrusted: true) { told.append($0) }
    #expect(told.count == 2 && told[1].contains("iterations of PBKDF2"), "\(told)")
    // All slots together may cost no more than a few of the dearest.
    var slots = header.slots
    for number in 2..<32 {
      var slot = header.slots[0]
      slot.number = number
      slot.derivation = .pbkdf2(hash: "sha256", iterations: LuksLimits.untrusted.iterations)
      slots.append(slot)
    }
    LuksLimits.untrusted.refuseExcess(in: &slots)
    #expect(slots.filter { $0.isUsable }.count == 2)
  }

  @Test("a header whose first copy is lost", arguments: ["zeros", "noise"])
  func secondCopy(_ start: String) throws {
    let area = MemoryArea(0)
    area.bytes = BrokenHeaders.whole2
    for index in 0..<4096 { area.bytes[index] = start == "zeros" ? 0 : UInt8(truncatingIfNeeded: index &* 7) }
    #expect(LuksHeader.isAnnounced(in: area))
    let header = try LuksHeader(in: area)
    #expect(!header.isFirstCopy)
    let key = try header.unlock(LuksHeaderTests.secret("a"), in: area)
    // A change of keys makes it whole again.
    _ = try header.adding(LuksHeaderTests.secret("b"), for: key, slot: nil, iterationTime: 1, in: area)
    #expect(try LuksHeader(in: area).isFirstCopy)
  }

  @Test(
    "a slot in a cipher that OpenSSL lacks, of either derivation",
    arguments: [LuksDerivation.pbkdf2, .argon2id])
  func otherLibrary(_ derivation: LuksDerivation) throws {
    let area = MemoryArea(17 << 20)
    let secret = LuksHeaderTests.secret("a")
    let (header, key) = try LuksHeader.create(
      LuksHeaderTests.recipe(2, derivation), passphrase: secret, in: area)
    let slot = try #require(header.slot(0))
    // What is in the slot's area is the volume key for the key that both libraries derive.
    let derived: Secret
    switch slot.derivation {
    case .argon2(let name, let passes, let kibibytes, let threads):
      derived = try LibGcrypt.shared().argon2(
        name, passes: passes, kibibytes: kibibytes, lanes: threads, secret, salt: slot.salt, count: 64)
    case .pbkdf2(let hash, let iterations):
      derived = try Digest(hash).derive(secret, salt: slot.salt, iterations: iterations, count: 64)
    case .other: throw BlockError(.unsupported, "derivation")
    }
    var material = try #require(slot.material)
    let sealed = Buffer(Array(area.bytes[32768..<32768 + 256_000]))
    let stored = Secret(copying: sealed.bytes)
    let found = try material.open(stored, key: derived, keyBytes: 64)
    #expect(found.bytes.array == key.secret.bytes.array)
    // The same in Serpent opens, and keys can be added beside it.
    material.cipher = "serpent"
    let again = try material.seal(key.secret, key: derived)
    area.bytes.replaceSubrange(32768..<32768 + again.count, with: again.bytes.array)
    BrokenHeaders.metadata(&area.bytes) {
      $0 =
        BrokenHeaders.change(.object($0), ["keyslots", "0", "area", "encryption"], "serpent-xts-plain64")
        .object
        ?? [:]
    }
    let changed = try LuksHeader(in: area)
    let opened = try changed.unlock(secret, in: area)
    #expect(opened.secret.bytes.array == key.secret.bytes.array)
    #expect(throws: BlockError.self) { try changed.unlock(LuksHeaderTests.secret("b"), in: area) }
  }
}
