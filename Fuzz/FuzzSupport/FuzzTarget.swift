// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Glibc
internal import Host

/// What a fuzz target is made of: seeds, one run, and a test of itself.
package protocol FuzzTarget {
  /// Inputs to start from, each with a file name.
  static func seeds() -> [(name: String, bytes: [UInt8])]

  /// Runs one input. A trap is a finding, and so is a text that is returned.
  static func run(_ input: [UInt8]) -> String?

  /// What is wrong with the harness, or nil.
  static func selfTest() -> String?
}

extension FuzzTarget {
  /// Runs one input for libFuzzer.
  package static func test(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: pointer, count: count))
    if let finding = run(input) { fatalError(finding) }
    return 0
  }

  /// Before libFuzzer starts: `STRATA_FUZZ_SEEDS=FOLDER` writes the seeds there, tests the harness, and ends.
  package static func initialize() -> CInt {
    guard let folder = unsafe getenv("STRATA_FUZZ_SEEDS").map({ unsafe String(cString: $0) }) else {
      return 0
    }
    for seed in seeds() {
      if let finding = run(seed.bytes) { fatalError("seed \(seed.name): \(finding)") }
      guard write(seed.bytes, to: folder + "/" + seed.name) else { fatalError("no seed \(seed.name)") }
    }
    if let wrong = selfTest() { fatalError("self-test: \(wrong)") }
    exit(0)
  }

  private static func write(_ bytes: [UInt8], to path: String) -> Bool {
    guard let file = unsafe fopen(path, "wb") else { return false }
    defer { unsafe fclose(file) }
    return unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count
  }
}
