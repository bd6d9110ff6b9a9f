// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Runs commands for tests.
package enum Shell {
  /// How a command ended.
  package struct Outcome: Sendable, Equatable {
    /// The exit status; 128 + n for signal n.
    package var status: Int32
    /// Standard output and standard error, as they came.
    package var output: String

    /// Makes an outcome, to compare with.
    package init(status: Int32, output: String) {
      self.status = status
      self.output = output
    }
  }

  /// Runs a bash script with `arguments` as `$1`, `$2`, … and waits for it. No input, locale C.
  package static func run(_ script: String, _ arguments: String..., folder: String = ".") -> Outcome {
    run(script, arguments: arguments, folder: folder)
  }

  /// As `run`, with the arguments in an array.
  package static func run(_ script: String, arguments: [String], folder: String) -> Outcome {
    let whole = "cd \"$0\" || exit 97; export LC_ALL=C PATH=\"$PATH:/sbin:/usr/sbin\"\n" + script
    return spawn(["/bin/bash", "-c", whole, folder] + arguments)
  }

  private static func spawn(_ words: [String]) -> Outcome {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { return Outcome(status: 126, output: "pipe failed") }
    // Children of other tests must not keep this pipe open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    _ = unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    // The test runner's threads block signals, which children would inherit.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments = unsafe words.map { unsafe strdup($0) }
    unsafe arguments.append(nil)
    // Not over the elements: the formatter mangles the loop that would say so.
    defer { for index in 0...words.count { unsafe free(arguments[index]) } }
    var process = pid_t()
    let failure = unsafe posix_spawn(&process, words[0], &actions, &attributes, arguments, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard failure == 0 else { return Outcome(status: 126, output: "spawn failed: \(failure)") }
    let output = readAll(ends[0])
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7f
    return Outcome(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: output)
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A folder that goes when the last reference does.
package final class TemporaryFolder: Sendable {
  /// Its path.
  package let path: String

  /// Makes a folder.
  package init() {
    var template = Array("/tmp/strata-test.XXXXXX".utf8CString)
    let made = unsafe mkdtemp(&template) != nil
    path =
      made
      ? String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) : "/nonexistent"
  }

  /// The path of a file in the folder.
  package func file(_ name: String) -> String { path + "/" + name }

  deinit { _ = Shell.run("rm -rf \"$1\"", path) }
}

/// The program under test and the tree it is tested from.
package enum Programs {
  /// The program that `make test` built.
  package static var strata: String { environment("STRATA_PROGRAM") ?? root + "/.build/release/strata" }
  /// The root of the tree.
  package static let root: String = {
    let here = #filePath
    return here.replacingSuffix("/Tests/Support/Shell.swift")
  }()

  private static func environment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
