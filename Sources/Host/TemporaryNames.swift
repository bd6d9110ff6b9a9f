// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Glibc
internal import Synchronization

/// Names of files that are not complete: they must go with the process, also where it does not come to its own end.
enum TemporaryNames {
  private static let known = Mutex<Set<String>>([])

  /// Notes a name that is about to be made.
  static func add(_ path: String) { known.withLock { _ = $0.insert(path) } }

  /// The name is not there any more, or has become one to keep.
  static func forget(_ path: String) { known.withLock { _ = $0.remove(path) } }

  /// Removes all of them; where the file system hangs, only as far as there is time.
  static func removeAll(within seconds: Double) {
    let paths = known.withLock { $0 }
    guard !paths.isEmpty else { return }
    let isDone = Flag()
    let isStarted = Threads.startDetached {
      for path in paths { _ = unsafe unlink(path.cName) }
      isDone.value.store(true, ordering: .releasing)
    }
    guard isStarted else { return }
    let end = Clock.now + seconds
    while !isDone.value.load(ordering: .acquiring), Clock.now < end { Clock.sleep(seconds: 0.01) }
  }

  private final class Flag: Sendable {
    let value = Atomic<Bool>(false)
  }
}
