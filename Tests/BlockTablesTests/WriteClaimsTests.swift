// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockTables
import Testing

@Suite struct WriteClaimsTests {
  @Test("what is claimed alone keeps all others out, what is shared only those who want it alone")
  func sharing() {
    var claims = WriteClaims()
    let shared = claims.claim(2..<5, shared: true)
    let alone = claims.claim(8..<9, shared: false)
    #expect(claims.free(0..<10, shared: true) == 0..<8)
    #expect(claims.free(0..<10, shared: false) == 0..<2)
    #expect(claims.free(3..<4, shared: false).isEmpty)
    claims.release(alone)
    #expect(claims.free(0..<10, shared: true) == 0..<10)
    claims.release(shared)
    #expect(claims.free(0..<10, shared: false) == 0..<10)
  }

  @Test("a claim of several ranges is given back as one")
  func ranges() {
    var claims = WriteClaims()
    let id = claims.open()
    #expect(claims.free(0..<20, shared: false) == 0..<20)
    for unit: UInt64 in [4, 5, 6, 12, 3] { claims.add(unit..<unit + 1, to: id) }
    let other = claims.claim(15..<16, shared: false)
    #expect(other != id)
    #expect(claims.free(0..<20, shared: true) == 0..<3)
    #expect(claims.free(4..<20, shared: true).isEmpty)
    #expect(claims.free(7..<20, shared: true) == 7..<12)
    #expect(claims.free(13..<20, shared: true) == 13..<15)
    claims.release(id)
    #expect(claims.free(0..<20, shared: true) == 0..<15)
  }
}
