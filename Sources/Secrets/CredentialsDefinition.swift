// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host
package import Options

/// The content of one `--object` that defines TLS credentials, before the files are looked at that it names.
package struct CredentialsDefinition: Sendable {
  /// The kinds of credentials that there are.
  package enum Kind: String, Sendable, CaseIterable {
    /// None, so that nobody knows who is at the other end.
    case anonymous = "tls-creds-anon"
    /// A key that both ends know.
    case sharedKey = "tls-creds-psk"
    /// Certificates.
    case certificates = "tls-creds-x509"

    /// The kinds that connections can be made with.
    package static var usable: [Kind] { allCases.filter { $0 != .anonymous } }

    /// The properties of this kind alone, each with the type that the help shows.
    fileprivate var properties: [(name: String, type: String)] {
      let common = [
        ("dir", "string"), ("endpoint", "QCryptoTLSCredsEndpoint"), ("priority", "string"),
        ("verify-peer", "bool"),
      ]
      let own =
        switch self {
        case .anonymous: [(String, String)]()
        case .sharedKey: [("username", "string")]
        case .certificates: [("passwordid", "string"), ("sanity-check", "bool")]
        }
      return (common + own).sorted { $0.0 < $1.0 }
    }
  }

  /// The name that options refer to.
  package let id: String
  private let kind: Kind
  private let folder: String?
  private let end: TLSCredentials.End
  private let verifies: Bool
  private let user: String
  private let passwordID: String?

  /// The longest file of keys that is read, in bytes.
  private static let longestKeys = 8 << 20

  /// The text that `--object TYPE,help` prints, or nil where `text` does not ask for it.
  package static func help(for text: String) -> String? {
    for kind in Kind.usable where text == kind.rawValue + ",help" || text == kind.rawValue + ",?" {
      var lines = "\(kind.rawValue) options:\n"
      for property in kind.properties { lines += "  \(property.name)=<\(property.type)>\n" }
      return lines
    }
    return nil
  }

  /// The names of the properties of a kind that change something here.
  package static func properties(of kind: Kind) -> [String] {
    kind.properties.map(\.name).filter { !["priority", "passwordid", "sanity-check"].contains($0) }
  }

  /// Reads the properties, without the type among them.
  ///
  /// - Throws: kind `invalidArgument` with what is wrong; kind `unsupported` for what libnbd cannot do.
  package init(_ kind: Kind, reading properties: OptionObject) throws(BlockError) {
    var reader = OptionReader(properties)
    guard let id = try reader.string("id") else {
      throw BlockError(.invalidArgument, "Parameter 'id' is missing")
    }
    folder = try reader.string("dir")
    end = try reader.choice("endpoint", as: TLSCredentials.End.self) ?? .client
    verifies = try reader.bool("verify-peer") ?? true
    let priority = try reader.string("priority")
    let isCertificates = kind == .certificates
    passwordID = isCertificates ? try reader.string("passwordid") : nil
    // Whoever connects looks at the certificates in any case.
    if isCertificates { _ = try reader.bool("sanity-check") }
    user = (kind == .sharedKey ? try reader.string("username") : nil) ?? "qemu"
    if let left = reader.rest.entries.first {
      throw BlockError(.invalidArgument, "Parameter '\(left.key)' is unexpected")
    }
    try ValueText.refuse(identifier: id, option: "id")
    self.id = id
    self.kind = kind
    guard kind != .anonymous else {
      throw BlockError(
        .unsupported, "\(kind.rawValue) is not supported: libnbd makes no TLS connection without credentials",
        advice: "Use tls-creds-psk with a key that the server knows, or tls-creds-x509 with certificates.")
    }
    guard priority == nil else {
      throw BlockError(
        .unsupported, "Parameter 'priority' is not supported: libnbd chooses the ciphers of a connection",
        advice: "Leave it out: the settings of GnuTLS for the whole system hold.")
    }
  }

  /// The credentials, of files that are there.
  ///
  /// - Parameter secrets: where the password of the client's key is looked for.
  /// - Throws: with the name of the file that is missing; kind `notFound` where the user has no key in the file.
  package func credentials(_ secrets: any SecretSource) throws(BlockError) -> TLSCredentials {
    guard let folder else { throw BlockError(.invalidArgument, "Missing 'dir' property value") }
    guard kind == .sharedKey else {
      if let passwordID {
        _ = try secrets.secret(named: passwordID)
        throw BlockError(
          .unsupported, "Parameter 'passwordid' is not supported: libnbd reads no encrypted keys",
          advice: "Decrypt client-key.pem ('openssl pkey -in KEY -out PLAIN') where nobody else can read it.")
      }
      if end == .client { try require("ca-cert.pem", in: folder) }
      return TLSCredentials(.certificates(folder: folder, verifiesServer: verifies), for: end)
    }
    let keys = try require("keys.psk", in: folder)
    if end == .client {
      guard try has(user, in: keys) else {
        throw BlockError(
          .notFound, "Username \(user) not found in PSK file \(keys)",
          advice: "Say with 'username' whose key it is.")
      }
    }
    return TLSCredentials(.sharedKey(file: keys, user: user), for: end)
  }

  /// The path of a file that can be read. What the library does not find it does without.
  @discardableResult
  private func require(_ name: String, in folder: String) throws(BlockError) -> String {
    let path = folder + "/" + name
    try inContext("Unable to access credentials \(path)") { () throws(BlockError) in
      _ = try File(path: path, mode: [])
    }
    return path
  }

  /// Whether a file with lines of `USER:KEY` has one of the user.
  private func has(_ user: String, in path: String) throws(BlockError) -> Bool {
    let keys = try Secret.read(path: path, limit: CredentialsDefinition.longestKeys)
    let wanted = (user + ":").spelledBytes
    var place = 0
    var isLineStart = true
    while place < keys.count {
      if isLineStart, place + wanted.count <= keys.count {
        var isSame = true
        for index in wanted.indices where keys.bytes.byte(at: place + index) != wanted[index] {
          isSame = false
          break
        }
        if isSame { return true }
      }
      isLineStart = keys.bytes.byte(at: place) == UInt8(ascii: "\n")
      place += 1
    }
    return false
  }
}
