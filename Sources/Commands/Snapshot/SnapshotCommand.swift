// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `snapshot`: states of the disk that an image keeps.
struct SnapshotCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "snapshot", abstract: "List, take, restore or forget the snapshots inside an image.",
      usage: "strata snapshot [OPTIONS] [-l | -c NAME | -a NAME | -d NAME] FILE",
      discussion: """
        Restoring takes an id or a name, an id first; forgetting takes a name or an id, a name first. The present \
        state is lost when a snapshot is restored; snapshots stay.

        EXAMPLES:
          strata snapshot -c before-upgrade disk.qcow2
          strata snapshot -l disk.qcow2
          strata snapshot -a before-upgrade disk.qcow2
        """)
  }

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Flag(
    name: flag("l", "list"), help: "List the snapshots. This is what happens without any of -c, -a and -d.")
  var lists: Int

  @Option(
    name: option("c", "create"), help: ArgumentHelp("Keep the present state under a name.", valueName: "name")
  )
  var create: [String] = []

  @Option(
    name: option("a", "apply"),
    help: ArgumentHelp("Make a snapshot the present state.", valueName: "snapshot"))
  var apply: [String] = []

  @Option(name: option("d", "delete"), help: ArgumentHelp("Forget a snapshot.", valueName: "snapshot"))
  var delete: [String] = []

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let actions = actions
    guard lists + actions.count <= 1 else { throw UsageError("Cannot mix '-l', '-a', '-c', '-d'") }
    let file = try onlyOperand(files)
    // Without an action, `qemu-img` opens the image for writing before it finds nothing to do.
    if lists == 0, session.console.isStandIn { try access.refuseForceShare(of: file) }
    guard let action = actions.first else { return try list(file, session) }
    try access.refuseForceShare(of: file)
    let image = try access.image(file, format: format, flags: [.writable, .unmap])
    let name = try session.name(of: image)
    let job = SnapshotJob(.named(name, image.settings, session.opener), action)
    try session.run(job, session.reporter(isShown: false))
    session.result = ["filename": .string(file)]
    return 0
  }

  private var actions: [SnapshotJob.Action] {
    create.map { .create($0) } + apply.map { .apply($0) } + delete.map { .delete($0) }
  }

  private func list(_ file: String, _ session: Session) throws -> Int32 {
    let user = try session.open(access.image(file, format: format))
    guard let node = user.edge?.child.shown else { return 1 }
    let snapshots = InfoTree.list(node.driver.formatInformation(of: node)?.snapshots ?? [])
    session.result = ["filename": .string(file), "snapshots": .list(snapshots)]
    guard lists > 0, snapshots.count > 0 else { return 0 }
    SnapshotTable.write(snapshots, session.console.print)
    return 0
  }
}
