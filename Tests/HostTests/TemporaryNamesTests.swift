// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Host

struct TemporaryNamesTests {
  @Test("names of files that are not complete are removed with the process, others stay")
  func removal() throws {
    let folder = TemporaryFolder()
    let (half, whole) = (folder.file("half"), folder.file("whole"))
    for name in [half, whole] {
      TemporaryNames.add(name)
      _ = try File(path: name, mode: [.writable, .create])
    }
    // One is published, and one was never made.
    TemporaryNames.forget(whole)
    TemporaryNames.add(folder.file("missing"))
    TemporaryNames.removeAll(within: 10)
    #expect(Shell.run("ls", folder: folder.path).output == "whole\n")
  }
}
