// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Errors
internal import Options

/// What the user says of an image's encryption.
struct QcowEncryption {
  /// The format, which can be `aes` alone.
  var format: String?
  /// The id of the secret.
  var keySecret: String?

  /// Takes the options by which an image is opened; unknown ones stay.
  init(taking options: inout OptionObject) throws(BlockError) {
    var reader = OptionReader(options.takeFlat(groups: ["encrypt"]))
    format = try reader.string("encrypt.format")
    keySecret = try reader.string("encrypt.key-secret")
    for entry in reader.rest.entries { options[entry.key] = entry.value }
  }

  /// Reads the options of a new image; nil where no encryption is asked for.
  init?(creating options: OptionObject) throws(BlockError) {
    var reader = OptionReader(options)
    let isShort = try reader.bool("encryption") ?? false
    format = try reader.string("encrypt.format")
    keySecret = try reader.string("encrypt.key-secret")
    guard !isShort || format == nil else {
      throw BlockError(
        .invalidArgument, "'encrypt.format' and its alias 'encryption' can't be used at the same time")
    }
    if isShort { format = "aes" }
    guard let format else {
      guard keySecret == nil else {
        throw BlockError(.invalidArgument, "Parameter 'encrypt.format' is missing")
      }
      return nil
    }
    guard format == "aes" else { throw BlockError(.unsupported, "Unsupported encryption format") }
  }

  /// The cipher of an image that is encrypted or not.
  func cipher(for header: QcowHeader, _ request: OpenRequest) throws(BlockError) -> SectorCipher? {
    guard header.isEncrypted else {
      guard let format else { return nil }
      throw BlockError(
        .invalidArgument, "No encryption in image header, but options specified format '\(format)'")
    }
    if let format, format != "aes" {
      throw BlockError(
        .invalidArgument,
        "Header reported 'aes' encryption format but options specify '\(format)'")
    }
    guard !request.flags.contains(.noIO) else { return nil }
    return try SectorCipher(qcowPassphrase: request.secrets.secret(named: requireSecret(isNew: false)))
  }

  /// The id of the secret.
  ///
  /// - Throws: kind `invalidArgument` without one.
  func requireSecret(isNew: Bool) throws(BlockError) -> String {
    guard let keySecret else {
      throw .noSecret("encrypt.key-secret", of: "qcow", isNew: isNew)
    }
    return keySecret
  }
}
