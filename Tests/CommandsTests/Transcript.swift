// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Host

@testable import Commands

/// One run of the program inside the tests: what it said and how it ended.
struct Transcript: Equatable {
  var output = ""
  var errors = ""
  var status: Int32

  init(status: Int32, output: String = "", errors: String = "") {
    self.status = status
    self.output = output
    self.errors = errors
  }

  /// Runs the program with the words of a command line, the name it is called by first.
  init(_ words: [String]) {
    let pages = Pages()
    let invocation = Invocation(words)
    let console = Console(name: invocation.name) { stream, text in
      if stream == .output { pages.output += text.shown } else { pages.errors += text.shown }
      return true
    }
    status = Program(console: console).run(invocation)
    output = pages.output
    errors = pages.errors
  }

  private final class Pages {
    var output = ""
    var errors = ""
  }
}
