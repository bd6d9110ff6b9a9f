// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Errors
internal import Glibc

/// Threads of our own: started for one piece of work and joined before it returns.
package enum Threads {
  /// How many processors this process may use, at least 1: those that it may run on, as far as control groups give it
  /// their time.
  package static let processors: Int = {
    let usable = Int(linux_usable_processors())
    let present = usable > 0 ? usable : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    return present == 1 ? 1 : min(present, ProcessorQuota().processors ?? present)
  }()

  /// A number that tells the calling thread from all others that live.
  package static var current: UInt {
    UInt(pthread_self())
  }

  /// Runs `body(0)` … `body(count - 1)`, each on a thread of its own, and returns when all have.
  ///
  /// - Throws: the error of the lowest-numbered body that failed; all bodies run to their end first, so a
  ///   body that fails must tell the others by means of its own.
  package static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws(BlockError) -> Void)
    throws(BlockError)
  {
    if count <= 0 { return }
    if count == 1 { return try body(0) }
    let outcome = Outcome()
    var threads: [pthread_t] = []
    for index in 1..<count {
      guard let thread = start({ outcome.note(index, body) }) else {
        // Fewer threads do the same work; one more body here keeps the promise that all run.
        outcome.note(index, body)
        continue
      }
      threads.append(thread)
    }
    outcome.note(0, body)
    for thread in threads { pthread_join(thread, nil) }
    if let error = outcome.first { throw error }
  }

  /// Starts `body` on a thread that nobody waits for; false where there can be no more threads.
  static func startDetached(_ body: @escaping @Sendable () -> Void) -> Bool {
    guard let thread = start(body) else { return false }
    pthread_detach(thread)
    return true
  }

  private static func start(_ body: @escaping () -> Void) -> pthread_t? {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, argument)
    if result == 0 { return thread }
    unsafe Unmanaged<Work>.fromOpaque(argument).release()
    return nil
  }

  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private final class Outcome: @unchecked Sendable {
    private let lock = ConditionLock()
    private var error: (index: Int, error: BlockError)?

    func note(_ index: Int, _ body: (Int) throws(BlockError) -> Void) {
      do throws(BlockError) {
        try body(index)
      } catch {
        lock.withLock {
          if let known = self.error, known.index < index { return }
          self.error = (index, error)
        }
      }
    }

    var first: BlockError? { error?.error }
  }
}
