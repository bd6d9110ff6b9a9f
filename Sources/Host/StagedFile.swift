// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
package import Errors
internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// Where the file system can, the file has no name at all until it is published, so that even SIGKILL leaves
/// nothing behind; elsewhere it has a hidden temporary name in the same folder. An existing file at the name
/// is replaced at the moment of publishing and untouched before; a file that has come there meanwhile is not replaced. The
/// new file then has all that the old one had:
/// owner, mode, access control list, label and other attributes. It has them before it has content.
package final class StagedFile {
  /// The file to fill.
  package let file: File
  /// The path that it will have.
  package let path: String
  /// The file that stood at the path when this one was made, and that it may replace.
  private let replaced: FileIdentity?
  /// Whether a file stood at the path when this one was made.
  package var replaces: Bool { replaced != nil }
  /// The hidden name it has now, if any; once the file has appeared, that of what it replaced.
  private var temporaryPath: String?
  private var state = State.staged
  /// The hidden name of what stood at the path, from `retire` on.
  private var retiredPath: String?
  private var isComplete = false

  /// Where the file is on its way.
  private enum State {
    case staged
    /// It has its name, and nothing had it before.
    case appeared
    /// It has its name; what had it before has the hidden one.
    case exchanged
  }

  /// Makes an empty file that will replace, or become, the regular file at `path`.
  ///
  /// - Throws: kind `refused`, saying why, where a file stands there whose place no other can take with all that it
  ///   has: it has to be filled in place. The system's reason, without the path, where no file can be made.
  package init(path: String) throws(BlockError) {
    guard !path.isEmpty else { throw BlockError(system: ENOENT) }
    self.path = FilePaths.resolvingLinks(path)
    let present = try PresentFile(at: self.path)
    replaced = present?.identity
    do throws(BlockError) {
      if let obstacle = present?.obstacle { throw BlockError(.refused, obstacle) }
      (file, temporaryPath) = try StagedFile.make(for: self.path, isPrivate: present != nil)
    } catch {
      guard present != nil, error.kind != .refused else { throw error }
      throw BlockError(.refused, "no file can be made in its folder (\(error.message))")
    }
    try present?.attributes.give(to: file)
  }

  deinit {
    guard let temporaryPath else { return }
    _ = unsafe unlink(temporaryPath.cName)
    TemporaryNames.forget(temporaryPath)
  }

  // MARK: Publishing

  /// Makes sure that all that was written is there, as far as the system can tell; where the file replaces another,
  /// also that it stays there: a good file must not go before.
  package func complete() throws(BlockError) {
    guard !isComplete else { return }
    if replaces { try file.synchronize() }
    try file.reportCloseErrors()
    isComplete = true
  }

  /// Gives the file its name, replacing the file that stood there in one step.
  ///
  /// - Throws: kind `conflict` where another file has come there meanwhile.
  package func publish() throws(BlockError) {
    try complete()
    let isFree = try takeAttributesAgain()
    if temporaryPath == nil {
      // Where nothing is in the way, no other name is ever seen.
      if unsafe linux_link_unnamed(file.descriptor, path.cName) == 0 { return }
      if errno != EEXIST { throw BlockError(system: errno) }
      if isFree { throw StagedFile.takenMeanwhile }
    }
    let name = try hiddenName()
    if isFree {
      try renameToFree(name)
    } else {
      guard unsafe rename(name.cName, path.cName) == 0 else { throw BlockError(system: errno) }
    }
    TemporaryNames.forget(name)
    temporaryPath = nil
  }

  /// Gives the file with a hidden name its own, which nothing may have.
  private func renameToFree(_ name: String) throws(BlockError) {
    if unsafe linux_rename_to_free(name.cName, path.cName) == 0 { return }
    if errno == EEXIST { throw StagedFile.takenMeanwhile }
    guard errno == EINVAL || errno == ENOSYS else { throw BlockError(system: errno) }
    // The file system has no such call; a second name is no replacement either.
    if unsafe link(name.cName, path.cName) == 0 {
      _ = unsafe unlink(name.cName)
      return
    }
    if errno == EEXIST { throw StagedFile.takenMeanwhile }
    try refuseTaken()
    guard unsafe rename(name.cName, path.cName) == 0 else { throw BlockError(system: errno) }
  }

  private static let takenMeanwhile = BlockError(
    .conflict, "another file has come there meanwhile",
    advice: "It stays as it is, and nothing of the new one is left.")

  /// Refuses to go on where another file stands at the path than the one that may be replaced; whether none does.
  @discardableResult
  private func refuseTaken() throws(BlockError) -> Bool {
    var status = stat()
    guard unsafe lstat(path.cName, &status) == 0 else {
      if errno == ENOENT { return true }
      throw BlockError(system: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR { throw BlockError(system: EISDIR) }
    guard FileIdentity(status) == replaced else { throw StagedFile.takenMeanwhile }
    return false
  }

  /// Takes the name from the file that is replaced, which has a hidden one until `appear` follows or `withdraw` gives the
  /// name back: what belongs to the new file can appear before it does, and never beside the old one.
  package func retire() throws(BlockError) {
    guard try !takeAttributesAgain() else { return }
    let hidden = StagedFile.hiddenName(like: path)
    if unsafe rename(path.cName, hidden.cName) == 0 {
      retiredPath = hidden
    } else if errno != ENOENT {
      throw BlockError(system: errno)
    }
  }

  /// Gives the file its name, so that this can be taken back with `withdraw`, until `settle`.
  package func appear() throws(BlockError) {
    let isFree = try takeAttributesAgain()
    let name = try hiddenName()
    if isFree {
      try renameToFree(name)
      TemporaryNames.forget(name)
      (temporaryPath, state) = (nil, .appeared)
      return
    }
    // From here on, what has that name may be the file that is replaced.
    TemporaryNames.forget(name)
    if unsafe linux_exchange(name.cName, path.cName) == 0 {
      state = .exchanged
      return
    }
    try appearInSteps(name)
  }

  /// As above, where the file system cannot exchange names.
  private func appearInSteps(_ name: String) throws(BlockError) {
    let old = StagedFile.hiddenName(like: path)
    let exists = unsafe rename(path.cName, old.cName) == 0
    if !exists && errno != ENOENT { throw BlockError(system: errno) }
    guard unsafe rename(name.cName, path.cName) == 0 else {
      let error = BlockError(system: errno)
      if exists { _ = unsafe rename(old.cName, path.cName) }
      throw error
    }
    (temporaryPath, state) = exists ? (old, .exchanged) : (nil, .appeared)
  }

  /// Takes the file away again; what stood there before is back.
  package func withdraw() {
    switch state {
    case .staged: break
    case .appeared: _ = unsafe unlink(path.cName)
    case .exchanged:
      if let old = temporaryPath, unsafe rename(old.cName, path.cName) == 0 { temporaryPath = nil }
    }
    state = .staged
    guard let old = retiredPath, FilePaths.kind(of: path) == nil else { return }
    if unsafe rename(old.cName, path.cName) == 0 { retiredPath = nil }
  }

  /// Removes the file that was replaced, and a new one that has not appeared.
  package func settle() {
    if state != .staged, let retiredPath { _ = unsafe unlink(retiredPath.cName) }
    if let temporaryPath { _ = unsafe unlink(temporaryPath.cName) }
    (temporaryPath, state) = (nil, .staged)
  }

  /// Gives the attributes once more, since the file at the path may have other rights by now; whether none stands there.
  ///
  /// - Throws: kind `conflict` where it is not the file any more that may be replaced, or cannot be replaced any more.
  private func takeAttributesAgain() throws(BlockError) -> Bool {
    if try refuseTaken() { return true }
    guard let present = try PresentFile(at: path) else { return true }
    if let obstacle = present.obstacle {
      throw BlockError(.conflict, "it was changed meanwhile and cannot be replaced: \(obstacle)")
    }
    try present.attributes.give(to: file)
    return false
  }

  // MARK: Making

  private static func make(for path: String, isPrivate: Bool) throws(BlockError) -> (File, String?) {
    let permissions: mode_t = isPrivate ? 0o600 : 0o644
    if let unnamed = try makeUnnamed(in: FilePaths.folder(of: path), permissions) { return (unnamed, nil) }
    for _ in 0..<100 {
      let name = hiddenName(like: path)
      var mode: File.Mode = [.writable, .create, .exclusive]
      if isPrivate { mode.insert(.ownerOnly) }
      TemporaryNames.add(name)
      do throws(BlockError) {
        return (try File(path: name, mode: mode), name)
      } catch {
        TemporaryNames.forget(name)
        if error.kind != .alreadyExists { throw error }
      }
    }
    throw BlockError(system: EEXIST)
  }

  /// A file without a name, or nil where there is no such thing, or no way to give it a name.
  private static func makeUnnamed(in folder: String, _ permissions: mode_t) throws(BlockError) -> File? {
    guard LINUX_O_TMPFILE != 0 else { return nil }
    do throws(BlockError) {
      let descriptor = try File.descriptor(
        path: folder, flags: LINUX_O_TMPFILE | O_RDWR | O_CLOEXEC, permissions: permissions)
      let file = try File(owning: descriptor, isWritable: true)
      return linux_can_link_unnamed(descriptor) != 0 ? file : nil
    } catch {
      if error.isUnsupportedCall || error.systemError == EISDIR { return nil }
      throw error
    }
  }

  /// The hidden name that the file has now, or gets.
  private func hiddenName() throws(BlockError) -> String {
    if let temporaryPath { return temporaryPath }
    for _ in 0..<100 {
      let name = StagedFile.hiddenName(like: path)
      TemporaryNames.add(name)
      if unsafe linux_link_unnamed(file.descriptor, name.cName) == 0 {
        temporaryPath = name
        return name
      }
      let error = errno
      TemporaryNames.forget(name)
      if error != EEXIST { throw BlockError(system: error) }
    }
    throw BlockError(system: EEXIST)
  }

  private static func hiddenName(like path: String) -> String {
    // The name must stay within 255 bytes, whatever the target is called.
    let stem = String(FilePaths.name(of: path).prefix(40))
    let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return FilePaths.join(FilePaths.folder(of: path), ".\(stem).\(number).part")
  }
}

/// A regular file that another one is to replace.
private struct PresentFile {
  let attributes: KeptAttributes
  let identity: FileIdentity
  /// Why its name cannot be given to another file, or nil.
  let obstacle: String?

  /// Nil where nothing stands at `path`, or what is no regular file.
  init?(at path: String) throws(BlockError) {
    var status = stat()
    guard unsafe stat(path.cName, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw BlockError(system: errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    let file: File
    do throws(BlockError) {
      file = try File(path: path, mode: [])
      attributes = try KeptAttributes(of: file)
    } catch {
      throw BlockError(.refused, "its attributes cannot be read (\(error.message))")
    }
    let opened = try file.status()
    identity = FileIdentity(opened)
    obstacle = try PresentFile.obstacle(at: path, opened)
  }

  private static func obstacle(at path: String, _ status: stat) throws(BlockError) -> String? {
    if status.st_nlink > 1 { return "it has other names (hard links)" }
    let folder = FilePaths.folder(of: path)
    var above = stat()
    guard unsafe stat(folder.cName, &above) == 0 else { throw BlockError(system: errno) }
    let traits = unsafe linux_path_traits(path.cName)
    let isMounted =
      traits >= 0 && traits & LINUX_TRAITS_KNOWN != 0
      ? traits & LINUX_MOUNT_POINT != 0 : status.st_dev != above.st_dev
    if isMounted { return "it is a mount point" }
    let folderTraits = unsafe linux_path_traits(folder.cName)
    if folderTraits > 0 && folderTraits & LINUX_FIXED != 0 { return "no name in its folder can be changed" }
    let mine = geteuid()
    if above.st_mode & S_ISVTX != 0, above.st_uid != mine, status.st_uid != mine,
      linux_may_act_as_owner() == 0
    {
      return "its folder lets only owners change names"
    }
    return nil
  }
}
