// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Crypto
import Errors
import Host
import Support
import Testing

/// A header's place in memory, which counts.
final class MemoryArea: LuksArea {
  var bytes: [UInt8]
  init(_ count: Int) { bytes = Array(repeating: 0, count: count) }
  var length: UInt64 { UInt64(bytes.count) }
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    buffer.fill()
    guard offset < length else { return }
    let end = min(Int(offset) + buffer.byteCount, bytes.count)
    buffer.copy(Buffer(Array(bytes[Int(offset)..<end])).bytes)
  }
  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    bytes.replaceSubrange(Int(offset)..<Int(offset) + data.byteCount, with: data.array)
  }
  func flush() throws(BlockError) {}
}

@Suite struct LuksHeaderTests {
  static func secret(_ text: String) -> Secret { Secret(copying: Buffer(Array(text.utf8)).bytes) }

  static func recipe(_ version: Int, _ derivation: LuksDerivation) throws -> LuksRecipe {
    var recipe = LuksRecipe(cipher: try CipherSpec(.xts, .plain64, keyBytes: 64))
    recipe.version = version
    recipe.derivation = derivation
    recipe.iterationTime = 5
    return recipe
  }

  static func key(_ header: LuksHeader, _ passphrase: String, _ area: MemoryArea) throws -> [UInt8] {
    let key = try header.unlock(secret(passphrase), in: area)
    return key.secret.bytes.array
  }

  @Test("made, changed and read back", arguments: [(1, LuksDerivation.pbkdf2), (2, .pbkdf2), (2, .argon2id)])
  func roundTrip(_ version: Int, _ derivation: LuksDerivation) throws {
    let area = MemoryArea(17 << 20)
    let recipe = try LuksHeaderTests.recipe(version, derivation)
    let (made, key) = try LuksHeader.create(recipe, passphrase: LuksHeaderTests.secret("a"), in: area)
    var header = try LuksHeader(in: area)
    #expect(header == made)
    #expect(header.activeSlots == [0])
    #expect(header.payloadOffset == recipe.payloadOffset)
    #expect(try LuksHeaderTests.key(header, "a", area) == key.secret.bytes.array)
    header = try header.adding(
      LuksHeaderTests.secret("b"), for: key, slot: nil, iterationTime: 5, in: area)
    #expect(try LuksHeader(in: area) == header)
    #expect(header.activeSlots == [0, 1])
    #expect(try LuksHeaderTests.key(header, "b", area) == key.secret.bytes.array)
    #expect(
      try header.slots(matching: LuksHeaderTests.secret("b"), among: [0, 1, 2], in: area) == [1])
    header = try header.erasing([0], in: area)
    #expect(try LuksHeader(in: area) == header)
    #expect(header.activeSlots == [1])
    #expect {
      try header.unlock(LuksHeaderTests.secret("a"), in: area)
    } throws: {
      ($0 as? BlockError)?.message == "Invalid password, cannot unlock any keyslot"
    }
    #expect(try LuksHeaderTests.key(header, "b", area) == key.secret.bytes.array)
  }
}
