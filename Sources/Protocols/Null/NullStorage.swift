// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Options

/// Storage that keeps nothing, of any length: for measuring what stands above it.
package struct NullStorage: DriverKind {
  /// `null-co` or `null-aio`.
  package let name: String

  /// Both, which do the same.
  package static let all = [NullStorage(name: "null-co"), NullStorage(name: "null-aio")]

  /// Bytes where none are stated.
  private static let usualSize: UInt64 = 1 << 30
  /// Bytes of the longest disk that `qemu-img` knows.
  private static let largestSize = UInt64(Int64.max) & ~((1 << 30) - 1)

  /// Storage.
  package var isProtocol: Bool { true }
  /// The name is read as a whole: there is only one.
  package var namePrefixes: [StoragePrefix] { [StoragePrefix(name, form: .url)] }
  /// `null-co://`.
  package func storageName(_ options: OptionObject) -> String? { onlyName }

  private var onlyName: String { "\(name)://" }

  /// Takes the options `size`, `latency-ns` (the time that each request takes) and `read-zeroes` (without it, reads
  /// return the memory's former content).
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    if let path = try request.options.takeString("filename"), path != onlyName {
      throw BlockError(.invalidArgument, "The only allowed filename for this driver is '\(onlyName)'")
    }
    let size = try request.options.takeSize("size") ?? NullStorage.usualSize
    guard size <= NullStorage.largestSize else {
      throw BlockError(.tooLarge, "Could not refresh total sector count: File too large")
    }
    let latency = try request.options.takeNumber("latency-ns") ?? 0
    guard latency >= 0 else { throw BlockError(.invalidArgument, "latency-ns is invalid") }
    let readsZero = try request.options.takeBool("read-zeroes") ?? false
    return OpenedDriver(
      NullDriver(name, length: size, latency: Double(latency) / 1e9, readsZero: readsZero))
  }
}
