// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The input is a program of operations on a new image, run against a shadow of the disk.
///
/// The first bytes choose the image's options and length, then each operation is a byte with its operands.
package enum ProgramTarget: FuzzTarget {
  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard input.count <= 4096, var program = OperationProgram(input) else { return nil }
    return program.run()
  }

  /// Programs of every operation, on every kind of image.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    var result: [(name: String, bytes: [UInt8])] = []
    var state: UInt64 = 1
    for shape in 0..<16 {
      var bytes = [UInt8(shape), UInt8(shape * 37 & 255), 100, UInt8(shape & 3)]
      for operation in 0..<60 {
        bytes.append(UInt8(operation % OperationProgram.operations))
        for _ in 0..<6 {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          bytes.append(UInt8(truncatingIfNeeded: state >> 40))
        }
      }
      result.append(("program-\(shape)", bytes))
    }
    return result
  }

  /// What is wrong with the harness: a storage that loses bytes must be found out, a good one must not.
  package static func selfTest() -> String? {
    // Write 100 bytes at 200, then read them.
    let input: [UInt8] = [1, 0, 50, 0, 0, 0, 200, 0, 100, 0, 7, 5, 0, 0, 0, 0, 4]
    guard var good = OperationProgram(input), var bad = OperationProgram(input) else { return "no image" }
    if let finding = good.run() { return finding }
    guard good.knownCount > 0, good.done >= 2 else { return "nothing was known or done" }
    bad.storage.becomeForgetful()
    return bad.run() == nil ? "a byte was lost and nothing noticed" : nil
  }
}
