// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Runs the program with what C's `main` was given; nothing else in the system is asked for it.
///
/// - Returns: the status to end with.
@c(strata_main)
@unsafe
package func main(_ count: Int32, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var line: [String] = []
  for index in 0..<Int(count) {
    if let word = unsafe words[index] { line.append(unsafe String(cName: word)) }
  }
  return Program.run(line)
}
