// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The address of a server, and the name of one of its exports.
enum NBDAddress: Equatable {
  /// As libnbd reads it: `nbd://host:port/export`, `nbd+unix:///export?socket=path`, `nbds://…` with TLS.
  case uri(String)
  /// A socket of this machine.
  case unix(path: String, export: String)
  /// Elsewhere.
  case tcp(host: String, port: String, export: String)

  /// The port where none is given.
  private static let usualPort = "10809"

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
    if server.isEmpty {
      // The old form: the same without the group.
      for key in ["path", "host", "port"] { server[key] = options.remove(key) }
      server["type"] = server["path"] == nil ? "inet" : "unix"
    }
    switch try server.takeString("type") {
    case "unix":
      guard let path = try server.takeString("path") else {
        throw BlockError(.invalidArgument, "Parameter 'server.path' is missing")
      }
      self = .unix(path: path, export: export)
    case "inet":
      guard let host = try server.takeString("host") else {
        throw BlockError(.invalidArgument, "NBD server address missing")
      }
      self = .tcp(host: host, port: try server.takeString("port") ?? NBDAddress.usualPort, export: export)
    case nil: throw BlockError(.invalidArgument, "Parameter 'server.type' is missing")
    case .some(let other):
      throw BlockError(.unsupported, "Parameter 'server.type' does not accept value '\(other)'")
    }
    // The options that remain are named together with those that nobody takes.
    if !server.isEmpty { options["server"] = .object(server) }
  }

  /// Reads a URI, or the old form `nbd:HOST:PORT` or `nbd:unix:PATH` with `:exportname=NAME` after it.
  private init(name: String) throws(BlockError) {
    guard !name.contains("://") else {
      // The library knows one name only for what is not on this machine.
      self = .uri(name.hasPrefix("nbd+tcp:") ? "nbd:" + name.dropFirst("nbd+tcp:".count) : name)
      return
    }
    var rest = name[...]
    if rest.hasPrefix("nbd:") { rest = rest.dropFirst("nbd:".count) }
    var export = ""
    if let mark = rest.firstRange(of: ":exportname=") {
      export = String(rest[mark.upperBound...])
      rest = rest[..<mark.lowerBound]
    }
    if rest.hasPrefix("unix:") {
      self = .unix(path: String(rest.dropFirst("unix:".count)), export: export)
      return
    }
    guard let (host, port) = NBDAddress.place(rest) else {
      throw BlockError(
        .invalidArgument, "'\(name)' names no NBD server",
        advice: "Write nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH.")
    }
    self = .tcp(host: host, port: port, export: export)
  }

  /// The parts of `HOST:PORT`, where the host may be an IPv6 address in brackets; nil where one is missing.
  private static func place(_ text: Substring) -> (host: String, port: String)? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    let port = text[text.index(after: colon)...]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { return nil }
      host = host.dropFirst().dropLast()
    }
    return host.isEmpty || port.isEmpty ? nil : (String(host), String(port))
  }

  /// The address in one line that opens the same export again.
  var uri: String {
    switch self {
    case .uri(let text): text
    case .unix(let path, let export):
      "nbd+unix://" + (export.isEmpty ? "" : "/")
        + "\(NBDAddress.escaped(export))?socket=\(NBDAddress.escaped(path))"
    case .tcp(let host, let port, let export):
      "nbd://\(host.contains(":") ? "[\(host)]" : host):\(port)" + (export.isEmpty ? "" : "/")
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
