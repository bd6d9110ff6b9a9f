// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Host
internal import Jobs
internal import Options

/// `luks`: the keys and the header of an encrypted image.
struct LuksCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "luks", abstract: "Change the keys of an encrypted image, and keep its header safe.",
      usage: "strata luks ACTION [OPTIONS] FILE [COPY]",
      discussion: """
        ACTION is add-key, change-key, erase-key, dump, or, with a COPY, header-backup or header-restore. \
        Keys are asked for on the terminal where no option says where they come from. change-key adds the new key \
        before the old one goes. erase-key erases the key in a slot, or every slot with the key to erase. A copy of \
        the header holds its keys: keep it as safe as the image.

        EXAMPLES:
          strata luks add-key disk.luks
          strata luks erase-key --key-slot=1 --key-file=key.txt disk.luks
          strata luks header-backup disk.luks disk.header
        """)
  }

  @OptionGroup(title: group(LuksKeyOptions.self, "Keys"))
  var keys: LuksKeyOptions

  @Option(
    name: option("key-slot"),
    help: ArgumentHelp("The slot to fill or erase, counted from 0.", valueName: "number"))
  var slot: String?

  @Option(
    name: option("iter-time"),
    help: ArgumentHelp("How long deriving the new key is to take, in milliseconds.", valueName: "time"))
  var iterationTime: String?

  @Flag(
    name: flag("force"),
    help: "Erase the last key that is known, or restore a header that is damaged or not the image's own.")
  var force = false

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @Flag(
    name: flag("image-opts"),
    help: "Take the image's name as a list of options, such as 'driver=luks,file.filename=disk.luks'.")
  var imageOptions = false

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("What to do, and the image.", valueName: "file"))
  var operands: [String] = []

  /// The actions of the command.
  enum Action: String, CaseIterable {
    case addKey = "add-key"
    case changeKey = "change-key"
    case eraseKey = "erase-key"
    case dump
    case headerBackup = "header-backup"
    case headerRestore = "header-restore"

    var operands: Int { self == .headerBackup || self == .headerRestore ? 3 : 2 }
  }

  static func images(in operands: [String]) -> [String] { Array(operands.dropFirst().prefix(1)) }

  func perform(in session: Session) throws -> Int32 {
    guard let word = operands.first else {
      throw UsageError("Expecting one of " + Action.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard let action = Action(rawValue: word) else { throw UsageError("Unknown action '\(word)'") }
    guard operands.count == action.operands else {
      throw UsageError(
        action.operands == 3 ? "Expecting an image and a copy" : "Expecting one image file name")
    }
    let image = NamedImage(text: operands[1], isOptions: imageOptions)
    let name = try session.name(of: image)
    switch action {
    case .addKey, .changeKey, .eraseKey: try changeKeys(action, name, session)
    case .dump: try dump(name, session)
    case .headerBackup:
      let job = LuksBackupJob(name, to: operands[2], opener: session.opener)
      try session.run(job, session.reporter(isShown: false))
    case .headerRestore:
      let job = LuksRestoreJob(
        name, from: ImageName(path: operands[2]), secrets: try keys.atHand(session.secrets), force: force,
        opener: session.opener)
      try session.run(job, session.reporter(isShown: false))
    }
    return 0
  }

  // MARK: Keys

  /// Ids of the keys at hand; users cannot choose them.
  private static let (keyID, newID, oldID) = ("the key", "the new key", "the old key")

  private func changeKeys(_ action: Action, _ name: ImageName, _ session: Session) throws {
    let key = try keys.key(session.secrets)
    var own = [LuksCommand.keyID: key]
    var changes: [(options: OptionObject, force: Bool)] = []
    switch action {
    case .eraseKey:
      if slot == nil { own[LuksCommand.oldID] = try keys.oldKey(session.secrets) }
      changes = [(erasing(slot == nil ? LuksCommand.oldID : nil), force)]
    default:
      let new = try keys.newKey(session.secrets)
      own[LuksCommand.newID] = new
      var adding: OptionObject = ["state": "active", "new-secret": .string(LuksCommand.newID)]
      if let iterationTime { adding["iter-time"] = .string(iterationTime) }
      if action == .addKey { adding["keyslot"] = slot.map { .string($0) } }
      changes = [(adding, force)]
      if action == .changeKey {
        // Erasing the old key would take the new one along.
        guard !new.hasSameBytes(as: key.bytes) else {
          throw BlockError(.invalidArgument, "The new key is the old one")
        }
        // That the old key opens nothing any more is what is wanted.
        changes.append((erasing(LuksCommand.keyID), true))
      }
    }
    try run(changes, NamedSecrets(base: session.secrets, own: own), name, session)
  }

  private func erasing(_ id: String?) -> OptionObject {
    var options: OptionObject = ["state": "inactive"]
    if let id { options["old-secret"] = .string(id) }
    options["keyslot"] = slot.map { .string($0) }
    return options
  }

  /// Opens the image with its key once and makes the changes one after the other.
  private func run(
    _ changes: [(options: OptionObject, force: Bool)], _ secrets: NamedSecrets, _ name: ImageName,
    _ session: Session
  ) throws {
    var opener = session.opener
    opener.secrets = secrets
    var options = try name.luksHeader().options
    options["key-secret"] = .string(LuksCommand.keyID)
    let user = session.graph.makeUser("luks: '\(name.text)'", request: .none)
    try opener.open(
      try ImageName(options: options, text: name.text), OpenSettings(format: "luks", flags: .writable),
      for: user)
    guard let node = user.edge?.child else { return }
    for change in changes {
      var request = AmendRequest(options: change.options, force: change.force, secrets: secrets)
      request.keepsKnownKey = true
      try session.run(AmendJob(.open(node), .checked(request)), session.reporter(isShown: false))
    }
  }

  // MARK: The header

  private func dump(_ name: ImageName, _ session: Session) throws {
    let form = try output.format()
    // An image that is stated with its detached header is shown whole; any other may be a header alone.
    let shown = name.options["header"] == nil ? try name.luksHeader() : name
    let job = InfoJob(
      shown, OpenSettings(format: "luks"), followsChain: false, opener: session.opener)
    try session.run(job)
    guard let image = job.images.first else { return }
    switch form {
    case .human: InfoText(session.console.print).write(InfoTree(image, withLimits: false))
    case .json:
      var tree: OptionObject = ["filename": .string(image.name)]
      for entry in image.format?.specific?.object?["data"]?.object?.entries ?? [] {
        tree[entry.key] = entry.value
      }
      session.console.print(.object(tree))
    }
  }
}
