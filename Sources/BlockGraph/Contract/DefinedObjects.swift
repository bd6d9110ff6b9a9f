// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// What users define besides secrets for options to refer to, by name.
package struct DefinedObjects: Sendable {
  /// The groups by which requests are slowed down.
  package var rateLimiters: [String: any RateLimiter]
  /// What proves servers and us to each other.
  package var credentials: [String: TLSCredentials]

  /// Makes a collection.
  package init(rateLimiters: [String: any RateLimiter] = [:], credentials: [String: TLSCredentials] = [:]) {
    self.rateLimiters = rateLimiters
    self.credentials = credentials
  }

  /// Whether something is called `id`.
  package func contains(_ id: String) -> Bool { rateLimiters[id] != nil || credentials[id] != nil }
}

/// How the two ends of a connection prove to each other who they are.
package struct TLSCredentials: Sendable, Equatable {
  /// The proof of a client.
  package enum Proof: Sendable, Equatable {
    /// `ca-cert.pem` of a folder tells which servers are trusted; `client-cert.pem` and `client-key.pem`, if they are
    /// there, who we are. Unless `verifiesServer`, any server is trusted.
    case certificates(folder: String, verifiesServer: Bool)
    /// The key that a file has for a user.
    case sharedKey(file: String, user: String)
  }

  /// The end that the proof is for.
  package enum End: String, Sendable, CaseIterable {
    case client
    case server
  }

  /// The end.
  package let end: End
  /// The proof.
  package let proof: Proof

  /// Makes credentials.
  package init(_ proof: Proof, for end: End = .client) {
    self.proof = proof
    self.end = end
  }
}

extension OpenRequest {
  /// The credentials of a client that are called `id`.
  ///
  /// - Throws: kind `notFound` where there are none; kind `invalidArgument` where another thing has the name.
  package func clientCredentials(named id: String) throws(BlockError) -> TLSCredentials {
    guard let credentials = objects.credentials[id] else {
      if objects.contains(id) || (try? secrets.secret(named: id)) != nil {
        throw BlockError(.invalidArgument, "Object with id '\(id)' is not TLS credentials")
      }
      throw BlockError(
        .notFound, "No TLS credentials with id '\(id)'",
        advice: "Define them with --object tls-creds-x509,id=\(id),dir=FOLDER,endpoint=client.")
    }
    guard credentials.end == .client else {
      throw BlockError(.invalidArgument, "Expected TLS credentials for a client endpoint")
    }
    return credentials
  }
}
