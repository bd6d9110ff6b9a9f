// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The address of a server, and the name of one of its exports.
struct NBDAddress: Equatable {
  /// The place of a server.
  enum Place: Equatable {
    /// A socket of this machine.
    case unix(path: String)
    /// Elsewhere.
    case tcp(host: String, port: String)
  }

  let place: Place
  let export: String
  /// Whether the name asks for TLS.
  private(set) var wantsTLS = false
  /// The URI that users wrote, as far as they wrote one.
  private var written: String?

  /// The port where none is given.
  private static let usualPort = "10809"

  private init(_ place: Place, export: String) {
    self.place = place
    self.export = export
  }

  /// Takes the options out that say where the server is.
  ///
  /// - Throws: kind `invalidArgument` where they are missing or contradict each other.
  init(takingFrom options: inout OptionObject) throws(BlockError) {
    if let name = try options.takeString("filename") {
      self = try NBDAddress(name: name)
      return
    }
    let export = try options.takeString("export") ?? ""
    var server = options.remove("server")?.object ?? [:]
    let isOldForm = server.isEmpty
    if isOldForm {
      // The old form: the same without the group.
      for key in ["path", "host", "port"] { server[key] = options.remove(key) }
      server["type"] = server["path"] == nil ? "inet" : "unix"
    }
    switch try server.takeString("type") {
    case "unix":
      guard let path = try server.takeString("path") else {
        throw NBDAddress.missing("path")
      }
      self.init(.unix(path: path), export: export)
    case "inet":
      guard let host = try server.takeString("host") else {
        throw isOldForm ? NBDAddress.missing : NBDAddress.missing("host")
      }
      // Only the old form knows what port is usual.
      guard let port = try server.takeString("port") ?? (isOldForm ? NBDAddress.usualPort : nil) else {
        throw NBDAddress.missing("port")
      }
      self.init(.tcp(host: host, port: port), export: export)
    case nil: throw NBDAddress.missing("type")
    case .some(let other):
      throw BlockError(
        .unsupported, "Parameter 'type' does not accept value '\(other)'",
        advice: "'server.type' is inet, with 'server.host' and 'server.port', or unix, with 'server.path'.")
    }
    guard let left = server.flattened().first?.key else { return }
    guard isOldForm else {
      throw BlockError(
        .invalidArgument, "Parameter '\(left)' is unexpected", advice: "It stands in 'server'.")
    }
    // The options that remain are named together with those that nobody takes.
    options["server"] = .object(server)
  }

  /// The error of a server without the member of `server` called `name`.
  private static func missing(_ name: String) -> BlockError {
    BlockError(
      .invalidArgument, "Parameter '\(name)' is missing", advice: "State it with 'server.\(name)'.")
  }

  private static var missing: BlockError { BlockError(.invalidArgument, "NBD server address missing") }
  private static let howToWrite: Advice = "Write nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH."

  // MARK: Names

  /// Reads a URI, or the old form `nbd:HOST:PORT` or `nbd:unix:PATH` with `:exportname=NAME` after it.
  private init(name: String) throws(BlockError) {
    if name.contains("://") {
      guard let address = NBDAddress(uri: name) else {
        throw BlockError(.invalidArgument, "No valid URL specified", advice: NBDAddress.howToWrite)
      }
      self = address
      return
    }
    var rest = name[...]
    if rest.hasPrefix("nbd:") { rest = rest.dropFirst("nbd:".count) }
    guard !rest.isEmpty else { throw NBDAddress.missing }
    var export = ""
    if let mark = rest.firstRange(of: ":exportname=") {
      export = String(rest[mark.upperBound...])
      rest = rest[..<mark.lowerBound]
    }
    if rest.hasPrefix("unix:") {
      self.init(.unix(path: String(rest.dropFirst("unix:".count))), export: export)
      return
    }
    guard let (host, port) = NBDAddress.hostAndPort(rest), let port else {
      throw BlockError(
        .invalidArgument, "error parsing address '\(rest)'", advice: NBDAddress.howToWrite)
    }
    self.init(.tcp(host: host, port: port), export: export)
  }

  /// Reads `nbd://HOST:PORT/EXPORT` or `nbd+unix:///EXPORT?socket=PATH`; nil where it is neither.
  private init?(uri: String) {
    guard let mark = uri.firstRange(of: "://") else { return nil }
    let scheme = uri[..<mark.lowerBound]
    var rest = uri[mark.upperBound...]
    var query: Substring?
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    let slash = rest.firstIndex(of: "/")
    let server = rest[..<(slash ?? rest.endIndex)]
    let path = slash.map { rest[rest.index(after: $0)...] } ?? ""
    guard let export = NBDAddress.unescaped(path) else { return nil }
    switch scheme {
    case "nbd", "nbd+tcp", "nbds":
      // A user's name in front of the host means nothing without a password.
      let place = server.lastIndex(of: "@").map { server[server.index(after: $0)...] } ?? server
      guard query == nil, let (host, port) = NBDAddress.hostAndPort(place, needsPort: false),
        let host = NBDAddress.unescaped(host[...]), port.map({ UInt16($0) != nil }) ?? true
      else { return nil }
      self.init(
        .tcp(host: host, port: port.map { $0 == "0" ? NBDAddress.usualPort : $0 } ?? NBDAddress.usualPort),
        export: export)
    case "nbd+unix", "nbds+unix":
      guard server.isEmpty, let query, query.hasPrefix("socket="), !query.contains("&"),
        let path = NBDAddress.unescaped(query.dropFirst("socket=".count))
      else { return nil }
      self.init(.unix(path: path), export: export)
    default: return nil
    }
    wantsTLS = scheme.hasPrefix("nbds")
    // There is one name only for what is not on this machine.
    written = scheme == "nbd+tcp" ? "nbd" + uri[mark.lowerBound...] : uri
  }

  /// The parts of `HOST:PORT`, where the host may be an IPv6 address in brackets; nil where one is missing that is
  /// needed.
  private static func hostAndPort(_ text: Substring, needsPort: Bool = true) -> (host: String, port: String?)?
  {
    let bracket = text.hasPrefix("[") ? text.lastIndex(of: "]") : nil
    guard text.hasPrefix("[") == (bracket != nil) else { return nil }
    let colon = text[(bracket ?? text.startIndex)...].lastIndex(of: ":")
    guard colon != nil || !needsPort else { return nil }
    var host = text[..<(colon ?? text.endIndex)]
    let port = colon.map { text[text.index(after: $0)...] }
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { return nil }
      host = host.dropFirst().dropLast()
    }
    return host.isEmpty || port?.isEmpty == true ? nil : (String(host), port.map { String($0) })
  }

  /// The text that stands escaped in a URI; nil where an escape is none.
  private static func unescaped(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = String(text).spelledBytes[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
        value != 0
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(spelling: bytes)
  }

  // MARK: Shown

  /// The place of the server as messages show it.
  var shown: String {
    switch place {
    case .unix(let path): path
    case .tcp(let host, let port): "\(host):\(port)"
    }
  }

  /// The address in one line that opens the same export again.
  var uri: String {
    if let written { return written }
    switch place {
    case .unix(let path):
      return "nbd+unix://" + (export.isEmpty ? "" : "/")
        + "\(NBDAddress.escaped(export))?socket=\(NBDAddress.escaped(path))"
    case .tcp(let host, let port):
      return "nbd://\(host.contains(":") ? "[\(host)]" : host):\(port)" + (export.isEmpty ? "" : "/")
        + NBDAddress.escaped(export)
    }
  }

  /// With what would mean something in a URI written as `%XX`.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for byte in text.spelledBytes {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: ":"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    return result
  }
}
