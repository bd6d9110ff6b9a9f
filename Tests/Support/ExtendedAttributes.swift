// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What files have besides content, owner and mode.
package enum ExtendedAttributes {
  /// An access control list that lets the owner and user 1000 read and write, and the group, which the mode shows as
  /// allowed to, do nothing.
  package static let closedGroup: [UInt8] = [
    2, 0, 0, 0,
    0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
    0x02, 0, 7, 0, 0xe8, 0x03, 0, 0,
    0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
  ]
  /// Where access control lists are kept, and the one that new files in a folder get.
  package static let accessList = "system.posix_acl_access"
  /// The list that new files in a folder get.
  package static let defaultList = "system.posix_acl_default"

  /// Gives an attribute to the file at `path`; false where that is not possible here.
  package static func set(_ name: String, _ value: [UInt8], of path: String) -> Bool {
    withDescriptor(path) { unsafe linux_set_attribute($0, name, value, value.count) == 0 } ?? false
  }

  /// All of the file at `path`, as text to compare.
  package static func all(of path: String) -> [String] {
    let names = withDescriptor(path) { descriptor in
      var bytes = [CChar](repeating: 0, count: 4096)
      let count = unsafe linux_list_attributes(descriptor, &bytes, bytes.count)
      return bytes.prefix(max(0, count)).split(separator: 0).map {
        String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    }
    return (names ?? []).sorted().map { name in "\(name)=\(value(of: name, path))" }
  }

  private static func value(of name: String, _ path: String) -> [UInt8] {
    withDescriptor(path) { descriptor in
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = unsafe linux_get_attribute(descriptor, name, &bytes, bytes.count)
      return Array(bytes.prefix(max(0, count)))
    } ?? []
  }

  private static func withDescriptor<Result>(_ path: String, _ body: (Int32) -> Result) -> Result? {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return body(descriptor)
  }
}
