// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support

/// Raw disks in a folder, and a filter above them.
struct DiskFolder {
  let folder = TemporaryFolder()
  let graph = Graph()

  /// A file of so many equal bytes.
  func disk(_ name: String, _ byte: UInt8, count: Int = 1 << 20) throws {
    try Files.write(Array(repeating: byte, count: count), to: folder.file(name))
  }

  /// The options of storage in the folder.
  func file(_ name: String) -> OptionTree { ["driver": "file", "filename": .string(folder.file(name))] }

  /// Opens a disk for reading and writing.
  func open(
    _ options: OptionObject, held: Permissions = [.consistentRead, .write, .resize],
    flags: NodeFlags = .writable, limiters: [String: any RateLimiter] = [:]
  ) throws(BlockError) -> RootUser {
    let user = graph.makeUser("test", request: PermissionRequest(held: held, shared: .consistentRead))
    var opener = Opener(graph: graph, kinds: Drivers.all)
    opener.objects.rateLimiters = limiters
    try opener.open(ImageName(options: options, text: "disk"), OpenSettings(flags: flags), for: user)
    return user
  }
}
