// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Host

extension BlockError {
  /// A lock of an image that cannot be had: `qemu-img`'s words, then who holds it and what to do.
  ///
  /// - Parameters:
  ///   - lock: the permission in quotes, after `shared` where it is that others may not hold it.
  ///   - path: the image's file.
  ///   - process: who stands in the way, where it is known.
  ///   - mayBeForced: whether reading without the lock is a way out.
  package init(lock: String, of path: String, heldBy process: RunningProcess?, mayBeForced: Bool) {
    let holder =
      switch process {
      case .some(let process) where process.isThisOne:
        "this command itself, in another role: name another image"
      case .some(let process): "\(process): let it finish or end it"
      case nil: "a process that cannot be seen from here, though root may: find it, let it finish or end it"
      }
    let wayOut = mayBeForced ? ", or only read, with --force-share (-U)." : ", then try again."
    self.init(
      .conflict, "Failed to get \(lock) lock",
      hint: "Is another process using the image [\(path)]?",
      advice: "Held by \(holder)\(process?.isThisOne == true ? "." : wayOut)")
  }
}
