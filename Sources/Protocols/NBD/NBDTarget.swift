// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import CNbd
internal import Errors
internal import Options

/// What a connection is made to, and how.
struct NBDTarget: Sendable {
  let address: NBDAddress
  /// The name of what block status is asked of.
  let context: String
  /// The proof that both ends are who they say, where there shall be TLS.
  private let credentials: TLSCredentials?
  /// The name that the server's certificate must have where that is not the host's.
  private let statedHostname: String?

  /// The longest path of a socket, in bytes.
  private static let longestPath = 108

  /// Takes the options out that say how to connect; `credentials` finds what they name.
  ///
  /// - Throws: where they contradict each other, or where what they ask for is not to be had.
  init(
    _ address: NBDAddress, context: String, takingFrom options: inout OptionObject,
    _ credentials: (String) throws(BlockError) -> TLSCredentials
  ) throws(BlockError) {
    self.address = address
    self.context = context
    statedHostname = try options.takeString("tls-hostname")
    if let id = try options.takeString("tls-creds") {
      self.credentials = try credentials(id)
    } else {
      self.credentials = nil
    }
    if case .unix(let path) = address.place, path.spelledBytes.count > NBDTarget.longestPath {
      throw BlockError(
        .invalidArgument, "UNIX socket path '\(path)' is too long",
        hint: "Path must be less than \(NBDTarget.longestPath) bytes")
    }
  }

  /// The name that the server's certificate must have, if any.
  var hostname: String? {
    if let statedHostname { return statedHostname }
    guard case .tcp(let host, _) = address.place else { return nil }
    return host
  }

  /// Whether certificates are what proves something, and no key.
  var hasCertificates: Bool {
    if case .sharedKey? = credentials?.proof { false } else { true }
  }

  /// The folder with the certificates by which the server is judged.
  var authorities: String? {
    guard case .certificates(let folder, verifiesServer: true)? = credentials?.proof else { return nil }
    return folder
  }

  /// Whether all that is sent and received is to be encrypted.
  var wantsTLS: Bool { credentials != nil || address.wantsTLS }

  /// Makes the library ask for TLS, or for nothing else; where there shall be none, nothing is asked for.
  ///
  /// - Throws: kind `unsupported` where the library is too old to look at the name in the certificate, which it then
  ///   would not do, without a word.
  func secure(_ handle: OpaquePointer, _ library: LibNBD) throws(BlockError) -> Bool {
    guard wantsTLS else { return true }
    guard unsafe library.setTLS(handle, Int32(LIBNBD_TLS_REQUIRE)) == 0 else { return false }
    switch credentials?.proof {
    case .sharedKey(let file, let user):
      // The key proves who the server is; there is no certificate to look at.
      return unsafe library.setTLSVerifyPeer(handle, false) == 0
        && library.setTLSKeyFile(handle, file.cName) == 0 && library.setTLSUser(handle, user.cName) == 0
    case .certificates(let folder, let verifiesServer):
      guard unsafe library.setTLSVerifyPeer(handle, verifiesServer) == 0,
        unsafe library.setTLSCertificates(handle, folder.cName) == 0
      else { return false }
      return verifiesServer ? try unsafe stateHostname(handle, library) : true
    case nil: return try unsafe stateHostname(handle, library)
    }
  }

  private func stateHostname(_ handle: OpaquePointer, _ library: LibNBD) throws(BlockError) -> Bool {
    guard let hostname else {
      throw BlockError(
        .invalidArgument, "No hostname for certificate validation",
        advice: "Say with 'tls-hostname' which name the server's certificate must have.")
    }
    if case .tcp(hostname, _) = address.place { return true }
    guard let setTLSHostname = unsafe library.setTLSHostname else {
      throw BlockError(
        .unsupported, "Option 'tls-hostname' needs libnbd 1.22 or newer",
        advice: "Connect to the server by the name that its certificate has, or use tls-creds-psk.")
    }
    return unsafe setTLSHostname(handle, hostname.cName) == 0
  }
}
