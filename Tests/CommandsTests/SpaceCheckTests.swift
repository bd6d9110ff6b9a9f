// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct SpaceCheckTests {
  @Test("a copy that cannot fit is refused before it starts, unless it is forced")
  func space() {
    let images = ExampleImages()
    let source = images.folder.file("large.qcow2")
    let target = images.folder.file("target.raw")
    _ = images.run("create", "-q", "-f", "qcow2", source, "512T")
    let run = images.run("convert", "-O", "qcow2", "-o", "preallocation=falloc", source, target)
    #expect(run.status == 1)
    #expect(run.errors.contains("'\(target)' needs at least 562949953421312 bytes, and its file system has "))
    #expect(run.errors.contains("--force"))
    let sparse = images.run("convert", "-O", "qcow2", source, target)
    #expect(sparse.status == 0, "\(sparse.errors)")
  }
}
