// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Host
import Support
import Testing

/// Where secrets lie.
@Suite struct SecretMemoryTests {
  @Test("pages of a secret are locked and in no core dump", arguments: [1, 4096, 4097, 100_000])
  func pages(_ count: Int) throws {
    let secret = try Secret(random: count)
    let start = SecretMemoryTests.address(of: secret)
    let flags = try #require(SecretMemoryTests.flags(of: start))
    #expect(flags.contains("dd"), "in no core dump: \(flags)")
    // Where the process may lock anything at all.
    if Shell.run("ulimit -l").output != "0\n" { #expect(flags.contains("lo"), "locked: \(flags)") }
    #expect(secret.count == count)
  }

  @Test("pages of a secret are gone with it")
  func gone() async {
    // In a process of its own: here, another test's secret may come to lie at the same place.
    await #expect(processExitsWith: .success) {
      var secrets = [try Secret(random: 100_000)]
      let start = SecretMemoryTests.address(of: secrets[0])
      precondition(SecretMemoryTests.flags(of: start)?.contains("dd") == true)
      secrets = []
      precondition(SecretMemoryTests.flags(of: start)?.contains("dd") != true)
    }
  }

  private static func address(of secret: Secret) -> UInt {
    let bytes = secret.bytes
    return unsafe bytes.withUnsafeBytes { raw in
      unsafe raw.baseAddress.map { UInt(bitPattern: $0) } ?? 0
    }
  }

  /// What the system says of the memory at an address.
  private static func flags(of address: UInt) -> [Substring]? {
    guard let text = try? Secret.read(path: "/proc/self/smaps", limit: 64 << 20) else { return nil }
    var isInside = false
    for line in String(decoding: text.bytes.array, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      if let bounds = words.first?.split(separator: "-"), bounds.count == 2,
        let from = UInt(bounds[0], radix: 16), let to = UInt(bounds[1], radix: 16)
      {
        isInside = from <= address && address < to
      }
      if isInside, line.hasPrefix("VmFlags:") { return Array(words.dropFirst()) }
    }
    return nil
  }
}
