// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host
internal import Synchronization

/// Lets a file that has to be durable in the end be on its way to the disk while it is being filled: the wait at the end
/// is then for the last part alone.
final class EarlyWriteback: Sendable {
  /// Bytes in a row for which asking the system is worth it.
  private static let step: UInt64 = 8 << 20

  private let file: File
  private let pending = Mutex<Range<UInt64>>(0..<0)

  init(_ file: File) { self.file = file }

  /// Notes a range that was written. Scattered writes are left to the system.
  func note(_ range: Range<UInt64>) {
    let ready = pending.withLock { pending in
      pending = pending.upperBound == range.lowerBound ? pending.lowerBound..<range.upperBound : range
      guard UInt64(pending.count) >= EarlyWriteback.step else { return 0..<0 as Range<UInt64> }
      defer { pending = range.upperBound..<range.upperBound }
      return pending
    }
    if !ready.isEmpty { file.beginWriteback(at: ready.lowerBound, length: UInt64(ready.count)) }
  }
}
