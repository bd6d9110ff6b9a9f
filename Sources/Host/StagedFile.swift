// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
public import Errors
internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// Where the file system can, the file has no name at all until it is published, so that even SIGKILL leaves
/// nothing behind; elsewhere it has a hidden temporary name in the same folder. An existing file at the name
/// is replaced at the moment of publishing and untouched before; its mode, and for root its owner, are kept.
public final class StagedFile {
  /// The file to fill.
  public let file: File
  /// The path that it will have.
  public let path: String
  /// The hidden name it has now, if any.
  private var temporaryPath: String?

  /// Makes an empty file that will replace, or become, the regular file at `path`.
  ///
  /// - Throws: the system's reason, without the path.
  public init(path: String) throws(BlockError) {
    guard !path.isEmpty else { throw BlockError(system: ENOENT) }
    self.path = FilePaths.resolvingLinks(path)
    if let unnamed = try StagedFile.makeUnnamed(in: FilePaths.folder(of: self.path)) {
      file = unnamed
    } else {
      let (name, made) = try StagedFile.makeNamed(like: self.path)
      file = made
      temporaryPath = name
    }
    try takeAttributes()
  }

  deinit {
    guard let temporaryPath else { return }
    _ = unsafe unlink(temporaryPath.cName)
    TemporaryNames.forget(temporaryPath)
  }

  /// Gives the file its name, replacing what is there in one step.
  public func publish() throws(BlockError) {
    if temporaryPath == nil {
      // Where nothing is in the way, no other name is ever seen.
      if unsafe linux_link_unnamed(file.descriptor, path.cName) == 0 { return }
      if errno != EEXIST { throw BlockError(system: errno) }
      for _ in 0..<100 {
        let name = StagedFile.hiddenName(like: path)
        TemporaryNames.add(name)
        if unsafe linux_link_unnamed(file.descriptor, name.cName) == 0 {
          temporaryPath = name
          break
        }
        let error = errno
        TemporaryNames.forget(name)
        if error != EEXIST { throw BlockError(system: error) }
      }
    }
    guard let name = temporaryPath else { throw BlockError(system: EEXIST) }
    guard unsafe rename(name.cName, path.cName) == 0 else { throw BlockError(system: errno) }
    TemporaryNames.forget(name)
    temporaryPath = nil
  }

  /// Keeps mode and owner of the file to be replaced; a new file has those that the process gives.
  private func takeAttributes() throws(BlockError) {
    var existing = stat()
    guard unsafe stat(path.cName, &existing) == 0 else {
      if errno == ENOENT { return }
      throw BlockError(system: errno)
    }
    guard existing.st_mode & S_IFMT == S_IFREG else { return }
    guard fchmod(file.descriptor, existing.st_mode & 0o7777) == 0 else { throw BlockError(system: errno) }
    // Only root may give files away; for others the file is theirs, as any new one is.
    _ = fchown(file.descriptor, existing.st_uid, existing.st_gid)
  }

  /// A file without a name, or nil where the file system has no such thing.
  private static func makeUnnamed(in folder: String) throws(BlockError) -> File? {
    guard LINUX_O_TMPFILE != 0 else { return nil }
    do throws(BlockError) {
      let descriptor = try File.descriptor(path: folder, flags: LINUX_O_TMPFILE | O_RDWR | O_CLOEXEC)
      return try File(owning: descriptor, isWritable: true)
    } catch {
      if error.isUnsupportedCall || error.systemError == EISDIR { return nil }
      throw error
    }
  }

  private static func makeNamed(like path: String) throws(BlockError) -> (String, File) {
    for _ in 0..<100 {
      let name = hiddenName(like: path)
      TemporaryNames.add(name)
      do throws(BlockError) {
        return (name, try File(path: name, mode: [.writable, .create, .exclusive]))
      } catch {
        TemporaryNames.forget(name)
        if error.kind != .alreadyExists { throw error }
      }
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
