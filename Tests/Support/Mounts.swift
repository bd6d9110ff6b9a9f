// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// File systems of a test's own, which go with the commands that run on them.
package enum Mounts {
  /// Whether this machine lets a process have mounts of its own.
  package static let arePossible = run("true", mount: "-t ramfs none", folder: "/tmp").status == 0

  /// Runs a bash script in a folder where `small` is a file system as `mount` says; `$1`, `$2`, … as in `Shell.run`.
  ///
  /// - Parameter mount: what `mount` is told but the place, such as `-t tmpfs -o size=3M none`. On `ramfs` there is
  ///   neither fallocate nor O_DIRECT.
  package static func run(_ script: String, mount: String, _ arguments: String..., folder: String)
    -> Shell.Outcome
  {
    let whole = """
      mkdir -p small && exec unshare -rm /bin/bash -c 'mount $1 small || exit 96; script=$2; shift 2; eval "$script"' \\
        "$0" "$@"
      """
    return Shell.run(whole, arguments: [mount, script] + arguments, folder: folder)
  }
}
