// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Errors
internal import Glibc

/// The attributes of a file besides content and name, which it keeps when another takes its place: owner, mode, access
/// control list, security label and other extended attributes, flags, project.
struct KeptAttributes: Equatable {
  private var owner: uid_t
  private var group: gid_t
  private var mode: mode_t
  /// Values by name, both as bytes: the names end with a zero.
  private var extended: [[CChar]: [UInt8]]
  /// Nil where the file system has none.
  private var flags: UInt32?
  private var project: UInt32?

  /// Those of an open file.
  init(of file: File) throws(BlockError) {
    let status = try file.status()
    owner = status.st_uid
    group = status.st_gid
    mode = status.st_mode & 0o7777
    extended = try KeptAttributes.extended(of: file.descriptor)
    var number: UInt32 = 0
    if unsafe linux_get_file_flags(file.descriptor, &number) == 0 { flags = number }
    if unsafe linux_get_project(file.descriptor, &number) == 0 { project = number }
  }

  /// Gives them to an open file, which until then its owner alone can read, and makes sure that it has them.
  ///
  /// - Throws: what stands in the way; the file may have some of them then.
  func give(to file: File) throws(BlockError) {
    let present = try KeptAttributes(of: file)
    if present == self { return }
    let descriptor = file.descriptor
    // Nobody is let in before the file is its owner's.
    if present.owner != owner || present.group != group {
      try KeptAttributes.call("owner") { fchown(descriptor, owner, group) }
    }
    for attribute in present.extended.keys where extended[attribute] == nil {
      try KeptAttributes.call("attributes") { unsafe linux_remove_attribute(descriptor, attribute) }
    }
    for (attribute, value) in extended where present.extended[attribute] != value {
      try KeptAttributes.call("attributes") {
        unsafe linux_set_attribute(descriptor, attribute, value, value.count)
      }
    }
    // An access control list sets a part of the mode, and giving a file away clears one.
    if try file.status().st_mode & 0o7777 != mode {
      try KeptAttributes.call("mode") { fchmod(descriptor, mode) }
    }
    if let flags, present.flags != flags {
      try KeptAttributes.call("flags") { linux_set_file_flags(descriptor, flags) }
    }
    if let project, present.project != project {
      try KeptAttributes.call("project") { linux_set_project(descriptor, project) }
    }
    // Some systems take what they do not keep.
    guard try KeptAttributes(of: file) == self else {
      throw BlockError(.refused, "its attributes cannot be given to another file")
    }
  }

  private static func call(_ what: String, _ body: () -> Int32) throws(BlockError) {
    guard body() == 0 else {
      let reason = BlockError(system: errno).message
      throw BlockError(.refused, "its \(what) cannot be given to another file (\(reason))")
    }
  }

  /// The extended attributes that the kernel takes from a file as soon as it is written, or derives from its content.
  private static let bound: [String] = ["security.capability", "security.ima", "security.evm"]

  private static func extended(of descriptor: Int32) throws(BlockError) -> [[CChar]: [UInt8]] {
    var found: [[CChar]: [UInt8]] = [:]
    for name in try names(of: descriptor) {
      if bound.contains(where: { $0.utf8CString.elementsEqual(name) }) { continue }
      if let value = try value(of: name, descriptor) { found[name] = value }
    }
    return found
  }

  private static func names(of descriptor: Int32) throws(BlockError) -> [[CChar]] {
    guard let list = unsafe try read({ unsafe linux_list_attributes(descriptor, $0, $1) }) else { return [] }
    return list.split(separator: 0).map { $0 + [0] }
  }

  private static func value(of attribute: [CChar], _ descriptor: Int32) throws(BlockError) -> [UInt8]? {
    unsafe try read { unsafe linux_get_attribute(descriptor, attribute, $0, $1) }?.map {
      UInt8(bitPattern: $0)
    }
  }

  /// All that `call` reads, which with a size of 0 tells how much that is; nil where there is none.
  private static func read(_ call: (UnsafeMutablePointer<CChar>?, Int) -> Int) throws(BlockError) -> [CChar]?
  {
    for _ in 0..<10 {
      let count = call(nil, 0)
      if count == 0 { return [] }
      if count > 0 {
        var bytes = [CChar](repeating: 0, count: count)
        let read = unsafe bytes.withUnsafeMutableBufferPointer { unsafe call($0.baseAddress, $0.count) }
        if read >= 0 { return Array(bytes.prefix(read)) }
        // It became longer between the two calls.
        if errno == ERANGE { continue }
      }
      // No such attributes here, or the one that was listed is gone, or is not for us to see.
      if errno == EOPNOTSUPP || errno == ENODATA || errno == ENOSYS { return nil }
      throw BlockError(system: errno)
    }
    return nil
  }
}
