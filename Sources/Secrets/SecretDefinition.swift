// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
package import Options

/// The content of one `--object`: a secret's name, and the origin of its bytes.
///
/// No error that reading a definition throws contains any part of the bytes.
package struct SecretDefinition: Sendable {
  /// How the bytes are written.
  enum Form: String, CaseIterable {
    /// As they are.
    case raw
    /// As base64.
    case base64
  }

  /// The origin of the bytes.
  enum Origin {
    /// The definition itself.
    case data(Secret)
    /// The file at a path, or standard input where that is `-`.
    case file(String)
  }

  /// The name that options refer to.
  package let id: String
  let origin: Origin
  let form: Form
  /// The secret that these bytes are encrypted with, if they are.
  let keyID: String?
  /// The initialization vector of the encryption, as base64.
  let vector: String?

  /// Reads `secret,id=…,…` or the same as a JSON object.
  ///
  /// - Throws: kind `invalidArgument` with what is wrong, in `qemu-img`'s words.
  package init(parsing text: String) throws(BlockError) {
    try self.init(reading: try SecretDefinition.properties(text))
  }

  /// The text that `--object secret,help` prints, or nil where `text` does not ask for it.
  package static func help(for text: String) -> String? {
    switch text {
    case "secret,help", "secret,?":
      """
      secret options:
        data=<string>
        file=<string>
        format=<raw|base64>
        iv=<string>
        keyid=<string>

      """
    default: nil
    }
  }

  // MARK: Reading properties

  /// The properties that the definition of any object has, with its type under `qom-type`.
  package static func properties(_ text: String) throws(BlockError) -> OptionObject {
    if text.hasPrefix("{") {
      do throws(JSONParser.Failure) {
        return try JSONParser.parse(text).object ?? OptionObject()
      } catch {
        // The text that the parser quotes may be part of the data.
        let reason = error.reason.split(separator: " '", maxSplits: 1).first ?? ""
        throw BlockError(.invalidArgument, String(reason))
      }
    }
    let list: KeyValueList
    do throws(BlockError) {
      list = try KeyValueList(parsing: text, dialect: .strict, impliedKey: "qom-type")
    } catch {
      // The word that the parser took for a key may be the rest of a value with a comma in it.
      throw text.contains("data=") ? strayComma : error
    }
    if let data = list.items.firstIndex(where: { $0.key == "data" }) {
      for item in list.items[data...] where !known.contains(item.key) { throw strayComma }
    }
    return try list.tree()
  }

  private static let known = ["qom-type", "id", "data", "file", "format", "keyid", "iv"]

  private static var strayComma: BlockError {
    BlockError(
      .invalidArgument, "Unexpected parameter after 'data' (not shown, it may be part of the secret)",
      advice: "A comma in a value is written twice.")
  }

  /// Reads the properties of a secret.
  ///
  /// - Throws: as above.
  package init(reading properties: OptionObject) throws(BlockError) {
    var reader = OptionReader(properties)
    guard let type = try reader.string("qom-type") else {
      throw BlockError(.invalidArgument, "Parameter 'qom-type' is missing")
    }
    guard type == "secret" else {
      throw BlockError(.invalidArgument, "Parameter 'qom-type' does not accept value '\(type)'")
    }
    guard let id = try reader.string("id") else {
      throw BlockError(.invalidArgument, "Parameter 'id' is missing")
    }
    let data = try reader.string("data")
    let file = try reader.string("file")
    form = try reader.choice("format", as: Form.self) ?? .raw
    keyID = try reader.string("keyid")
    vector = try reader.string("iv")
    if let left = reader.rest.entries.first {
      throw BlockError(.invalidArgument, "Parameter '\(left.key)' is unexpected")
    }
    try ValueText.refuse(identifier: id, option: "id")
    self.id = id
    switch (data, file) {
    case (let data?, nil): origin = .data(Secret(text: data))
    case (nil, let file?): origin = .file(file)
    case (nil, nil): throw BlockError(.invalidArgument, "Either 'file' or 'data' must be provided")
    default: throw BlockError(.invalidArgument, "'file' and 'data' are mutually exclusive")
    }
  }

}
