// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
public import Errors
internal import Glibc

extension File {
  /// A file without a name that lives in memory and goes with its last reference; what is not written takes no space.
  ///
  /// - Parameter name: what the system calls it in its own lists.
  public convenience init(inMemory name: String) throws(BlockError) {
    let descriptor = unsafe linux_memory_file(name.cName)
    guard descriptor >= 0 else { throw BlockError(system: errno) }
    try self.init(owning: descriptor, isWritable: true)
  }

  /// A path under which this process, and only it, can open the file again while it is open.
  public var descriptorPath: String { "/proc/self/fd/\(descriptor)" }
}
