// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Names of files as Windows spells them, in images that other images name.
package enum WindowsPath {
  /// The names here that a path means, with the separators of either system: the path as it is where it can lead somewhere,
  /// and its last part, which is looked for beside the image.
  package static func names(_ path: String) -> [String] {
    var path = path.replacing("\\", with: "/")
    while path.hasPrefix("./") { path.removeFirst(2) }
    let parts = path.split(separator: "/")
    guard let last = parts.last else { return [] }
    let first = parts.first ?? last
    // `C:` and the names of servers mean nothing here.
    let isElsewhere = path.hasPrefix("//") || first.count == 2 && first.hasSuffix(":") && parts.count > 1
    let names = (isElsewhere ? [] : [plain(path)]) + [plain(String(last))]
    return names.first == names.last ? [names[0]] : names
  }

  /// The name, so that no colon in front of any slash looks like a protocol's.
  package static func plain(_ name: String) -> String {
    !name.contains(":") || name.contains("/") ? name : "./" + name
  }

  /// How an image in a file called `image` names another one: by a relative name where that is in the image's folder or
  /// stated so, by an absolute one where it is stated so.
  package static func spellings(of name: String, in image: String) -> (relative: String?, absolute: String?) {
    let folder = image.lastIndex(of: "/").map { String(image[...$0]) } ?? ""
    var relative: String?
    if !name.hasPrefix("/") {
      relative = name.hasPrefix("./") ? name : "./" + name
    } else if folder.hasPrefix("/"), name.hasPrefix(folder) {
      relative = "./" + name.dropFirst(folder.count)
    }
    return (
      relative?.replacing("/", with: "\\"), name.hasPrefix("/") ? name.replacing("/", with: "\\") : nil
    )
  }
}
