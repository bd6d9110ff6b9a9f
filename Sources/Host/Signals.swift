// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// The requests that the user makes of the running program by signals.
///
/// A thread of their own waits for them, and all others have them blocked: whatever hangs in the system or in a
/// library, somebody is there to end the process.
package enum Signals {
  /// How many seconds work that can end itself is given for that.
  private static let patience = 1.0

  private static let state = State()

  private final class State: Sendable {
    let terminating = Atomic<Int32>(0)
    let requests = Atomic<UInt32>(0)
    let isCleanEndExpected = Atomic<Bool>(false)
  }

  /// Watches SIGINT, SIGTERM, SIGHUP and SIGUSR1 from now on, for the program called `name`.
  ///
  /// The first of the first three is noted and ends the process: with 128 + its number, at once or, where
  /// `expectCleanEnd` was called, a second later if the process is still there. The next one has its default effect.
  /// Those that the program was started with as ignored or blocked stay so. Must be called before there are other
  /// threads. From now on, writing to a pipe that nobody reads and past the size limit of files are errors and no death.
  package static func watch(as name: String) {
    for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
    var before = sigset_t()
    unsafe sigemptyset(&before)
    unsafe pthread_sigmask(SIG_BLOCK, nil, &before)
    var terminating = sigset_t()
    unsafe sigemptyset(&terminating)
    for number in [SIGINT, SIGTERM, SIGHUP] where linux_is_ignored(number) == 0 {
      if unsafe sigismember(&before, number) == 0 { unsafe sigaddset(&terminating, number) }
    }
    var watched = terminating
    unsafe sigaddset(&watched, SIGUSR1)
    unsafe pthread_sigmask(SIG_BLOCK, &watched, nil)
    let signals = (watched, terminating)
    let isWatched = Threads.startDetached { wait(for: signals.0, ending: signals.1, name) }
    // Better no clean end than none.
    if !isWatched { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  }

  /// Work begins that asks for `terminating` now and then and ends itself.
  package static func expectCleanEnd() { state.isCleanEndExpected.store(true, ordering: .releasing) }

  /// The number of the first terminating signal, or nil.
  package static var terminating: Int32? {
    let number = state.terminating.load(ordering: .acquiring)
    return number == 0 ? nil : number
  }

  /// How many times a progress report was asked for (SIGUSR1).
  package static var progressRequests: UInt32 { state.requests.load(ordering: .relaxed) }

  // MARK: The thread that waits

  private static func wait(for watched: sigset_t, ending: sigset_t, _ name: String) {
    var watched = watched
    var ending = ending
    while true {
      var number: Int32 = 0
      guard unsafe sigwait(&watched, &number) == 0 else { continue }
      guard number != SIGUSR1 else {
        state.requests.wrappingAdd(1, ordering: .relaxed)
        continue
      }
      SilencedTerminal.restore()
      state.terminating.store(number, ordering: .releasing)
      // The next one comes through, to this thread, whose default disposition nobody changed.
      unsafe pthread_sigmask(SIG_UNBLOCK, &ending, nil)
      if state.isCleanEndExpected.load(ordering: .acquiring) { Clock.sleep(seconds: patience) }
      end(name, number)
    }
  }

  /// Ends the process, which does not do so itself.
  private static func end(_ name: String, _ number: Int32) -> Never {
    TemporaryNames.removeAll(within: 0.3)
    // A reader that has stopped must not be waited for.
    var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    if unsafe poll(&entry, 1, 0) == 1 { Stream.error.write("\(name): Interrupted by signal \(number)\n") }
    _exit(128 + number)
  }
}
