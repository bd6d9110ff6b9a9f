// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
package import Options

/// How a user, or an image, names an image: a path, `driver:path`, `json:{…}`, or options.
package struct ImageName: Sendable, Equatable {
  /// The name as it was written, and as messages show it.
  package let text: String
  /// The content of the name, as nested options; a plain path is `filename`.
  package let options: OptionObject
  /// The file that a plain path leads to, where that was found out: no other is opened.
  var found: FoundFile?

  /// Reads a name from the command line. `protocols` are the prefixes that lead to storage.
  ///
  /// - Throws: kind `invalidArgument` for a prefix that no driver has, or for JSON that is none.
  package init(_ text: String, protocols: [StoragePrefix]) throws(BlockError) {
    self.text = text
    if text.hasPrefix("json:") {
      options = try ImageName.parseJSON(String(text.dropFirst("json:".count)))
      try ImageName.refuseMisplacedPaths(options, protocols)
      return
    }
    guard let prefix = ImageName.protocolPrefix(of: text) else {
      options = ["filename": .string(text)]
      return
    }
    guard let known = protocols.first(where: { $0.text == prefix }) else {
      throw BlockError(
        .invalidArgument, "Unknown protocol '\(prefix)'", advice: ForeignDrivers.advice(ofProtocol: prefix))
    }
    let rest = text.dropFirst(prefix.count + 1)
    switch known.form {
    case .path: options = ["file": ["driver": .string(known.driver), "filename": .string(String(rest))]]
    case .url: options = ["file": ["driver": .string(known.driver), "filename": .string(text)]]
    case .pair(let pair):
      guard let colon = rest.firstIndex(of: ":") else {
        throw BlockError(.invalidArgument, pair.missing)
      }
      var inner: OptionObject = ["driver": .string(known.driver)]
      let first = String(rest[..<colon])
      switch pair.first {
      case .path(let option): if !first.isEmpty { inner[option] = .string(first) }
      case .storage(let option): inner[option] = ["filename": .string(first)]
      }
      let second = try ImageName(String(rest[rest.index(after: colon)...]), protocols: protocols)
      let file = second.options["file"] ?? .object(second.options)
      inner[pair.second] = pair.isProbed ? ["file": file] : file
      options = ["file": .object(inner)]
    }
  }

  /// A name made of options that a user wrote (`--image-opts`).
  ///
  /// - Throws: kind `invalidArgument` for a `filename` of what is no storage, and for names that contradict each other.
  package init(stated options: OptionObject, text: String, protocols: [StoragePrefix]) throws(BlockError) {
    try self.init(options: options, text: text)
    try ImageName.refuseMisplacedPaths(self.options, protocols)
  }

  /// A name made of options.
  package init(options: OptionObject, text: String) throws(BlockError) {
    self.text = text
    self.options = try options.normalized()
  }

  /// A plain path, whatever it looks like.
  package init(path: String) {
    text = path
    options = ["filename": .string(path)]
  }

  /// The path, where the name says nothing else.
  var path: String? { options.count == 1 ? options["filename"]?.string : nil }

  /// The name of the file at the bottom, where one is stated.
  package var fileName: String? {
    var layer = options
    while let file = layer["file"]?.object { layer = file }
    return layer["filename"]?.string
  }

  private static func parseJSON(_ text: String) throws(BlockError) -> OptionObject {
    let tree: OptionTree
    do {
      tree = try JSONParser.parse(text)
    } catch {
      throw BlockError(.invalidArgument, "Could not parse the JSON options: \(error.reason)")
    }
    guard let object = tree.object else {
      throw BlockError(.invalidArgument, "Invalid JSON object given")
    }
    return try object.normalized()
  }

  /// Only storage takes a `filename`: whoever looks through options for the files in them finds it as part of `file`.
  private static func refuseMisplacedPaths(_ options: OptionObject, _ protocols: [StoragePrefix])
    throws(BlockError)
  {
    guard options["driver"] != nil || options["file"] != nil || options["filename"] == nil else {
      throw BlockError(
        .invalidArgument, "Must specify either driver or file", advice: "A path alone is 'file.filename'.")
    }
    try refuseMisplacedPaths(in: .object(options), protocols)
  }

  private static func refuseMisplacedPaths(in tree: OptionTree, _ protocols: [StoragePrefix])
    throws(BlockError)
  {
    if let elements = tree.array {
      for element in elements { try refuseMisplacedPaths(in: element, protocols) }
    }
    guard let options = tree.object else { return }
    if options["filename"] != nil, options["driver"] != nil || options["file"] != nil {
      let prefix = protocols.first { options["driver"] == .string($0.driver) }
      var file: String? = "file"
      switch prefix?.form {
      case nil: break
      case .pair(let pair): file = pair.second
      case .path, .url: file = nil
      }
      if let file {
        throw BlockError(
          .invalidArgument,
          options[file] == nil
            ? "A block device must be specified for \"\(file)\""
            : "Block format '\(options["driver"]?.string ?? "raw")' does not support the option 'filename'",
          advice: "The path of the file is '\(file).filename'.")
      }
    }
    for entry in options.entries { try refuseMisplacedPaths(in: entry.value, protocols) }
  }

  /// The part before a colon that comes before any slash, if there is one.
  package static func protocolPrefix(of text: String) -> String? {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let prefix = text[..<colon]
    return prefix.contains("/") ? nil : String(prefix)
  }

  /// The name that an image at `parent` means when it says `name`: relative paths start at the parent's folder.
  package static func resolve(_ name: String, relativeTo parent: String) -> String {
    guard !name.isEmpty, !name.hasPrefix("/"), protocolPrefix(of: name) == nil else { return name }
    guard let slash = parent.lastIndex(of: "/") else { return name }
    // The folder stays as it is written.
    return parent[...slash] + name
  }
}

/// A prefix that a name may begin with, before a colon, so that it leads to storage of one kind.
package struct StoragePrefix: Sendable, Equatable, ExpressibleByStringLiteral {
  /// The prefix, without the colon.
  package let text: String
  /// The storage driver.
  package let driver: String
  /// The form of the name.
  package let form: Form

  /// The form of a name with a prefix.
  package enum Form: Sendable, Equatable {
    /// A path follows the colon.
    case path
    /// The driver reads all of it, prefix included.
    case url
    /// Two names follow, with a colon between.
    case pair(Pair)
  }

  /// Two names behind a prefix.
  package struct Pair: Sendable, Equatable {
    /// The option that the first one is.
    package enum First: Sendable, Equatable {
      /// A path, which may be empty.
      case path(String)
      /// The file of a child.
      case storage(String)
    }

    /// The option that the first name is.
    package var first: First
    /// The option that the second name is: that of a child.
    package var second: String
    /// Whether the format of the second one is found out.
    package var isProbed: Bool
    /// The message where there are not two.
    package var missing: String

    /// Makes a description.
    package init(first: First, second: String, isProbed: Bool, missing: String) {
      self.first = first
      self.second = second
      self.isProbed = isProbed
      self.missing = missing
    }
  }

  /// A prefix that is the driver's name unless another is given.
  package init(_ text: String, driver: String? = nil, form: Form = .path) {
    self.text = text
    self.driver = driver ?? text
    self.form = form
  }

  /// A prefix that is the driver's name.
  package init(stringLiteral text: String) { self.init(text) }
}
