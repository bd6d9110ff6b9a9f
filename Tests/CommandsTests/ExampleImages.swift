// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support

/// A folder with a chain of two images, a raw disk, and broken ones.
struct ExampleImages {
  let folder = TemporaryFolder()
  var base: String { folder.file("base.qcow2") }
  var top: String { folder.file("top.qcow2") }
  var raw: String { folder.file("disk.raw") }

  init() {
    _ = Transcript(["strata", "create", "-q", "-f", "qcow2", base, "4M"])
    _ = Transcript(["strata", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top])
    _ = Transcript(["strata", "create", "-q", raw, "1M"])
  }

  func run(_ words: String...) -> Transcript { Transcript(["strata"] + words) }

  /// Writes bytes over a copy of the base.
  func patched(_ name: String, _ commands: String) -> String {
    let path = folder.file(name)
    _ = Shell.run("cp \"$1\" \"$2\"; f=$2; " + commands, base, path)
    return path
  }
}
