// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Host
import Support
import Testing

@testable import Secrets

/// Expectations were recorded from the peer, but for what is never to be shown.
@Suite struct SecretStoreTests {
  /// 32 times `k` and 16 times `i`, and `hunter2` encrypted with them.
  static let key = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
  static let vector = "aWlpaWlpaWlpaWlpaWlpaQ=="
  static let encrypted = "vI0OE2kgFIpNoQunC9nnRg=="

  /// The bytes of the secret `s` that the definitions make.
  private func value(_ definitions: [String], warn: (String) -> Void = { _ in }) throws(BlockError) -> [UInt8]
  {
    let store = SecretStore()
    for text in definitions { try store.add(try SecretDefinition(parsing: text), warn: warn) }
    let secret = try store.secret(named: "s")
    return secret.bytes.array
  }

  @Test(
    "what a definition stands for",
    arguments: [
      ("secret,id=s,data=hunter2", "hunter2"),
      ("secret,id=s,data=hun,,ter2", "hun,ter2"),
      ("secret,id=s,data=", ""),
      ("secret,id=s,data=aHVudGVyMg==,format=base64", "hunter2"),
      ("secret,id=s,data=aHVudGVy\nMg==\n,format=base64", "hunter2"),
      ("secret,id=s,data=,format=base64", ""),
      ("secret,data=x,id=s,data=hunter2,", "hunter2"),
      ("qom-type=secret,id=s,data=hunter2,format=raw", "hunter2"),
      (#"{"qom-type":"secret","id":"s","data":"hunter2"}"#, "hunter2"),
      ("{'qom-type':'secret','id':'s','data':'aHVudGVyMg==','format':'base64'}", "hunter2"),
    ])
  func values(_ definition: String, _ expected: String) throws {
    #expect(try value([definition]) == Array(expected.utf8))
  }

  @Test(
    "a base64 text that ends inside a group loses the rest, with a warning",
    arguments: [("aHVudGVyMg", 2), ("aHVudGVyMg=", 3), ("aHVudGVyM", 1)])
  func cutBase64(_ text: String, _ left: Int) throws {
    var warnings: [String] = []
    #expect(
      try value(["secret,id=s,format=base64,data=\(text)"]) { warnings.append($0) } == Array("hunter".utf8))
    #expect(
      warnings == ["secret 's': base64 ends inside a group of four characters, \(left) of them are not used"])
  }

  static let refused: [(String, String)] = [
    ("", "Parameter 'qom-type' is missing"),
    ("id=s,data=x", "Parameter 'qom-type' is missing"),
    ("frob,id=s", "Parameter 'qom-type' does not accept value 'frob'"),
    ("[]", "Parameter 'qom-type' does not accept value '[]'"),
    ("secret", "Parameter 'id' is missing"),
    ("secret,data=x", "Parameter 'id' is missing"),
    ("secret,frob=1", "Parameter 'id' is missing"),
    ("secret,id=s", "Either 'file' or 'data' must be provided"),
    ("secret,id=s,file=missing,data=x", "'file' and 'data' are mutually exclusive"),
    ("secret,id=s,data=x,format=frob", "Parameter 'format' does not accept value 'frob'"),
    ("secret,id=s,frob=1,data=x", "Parameter 'frob' is unexpected"),
    ("secret,id=s,frob.x=1,data=x", "Parameters 'frob.*' are unexpected"),
    ("secret,id=s,1x=y", "Invalid parameter '1x'"),
    ("secret,id=s,keyid", "Expected '=' after parameter 'keyid'"),
    ("secret,id=1s,data=x", "Parameter 'id' expects an identifier"),
    ("secret,id=,data=x", "Parameter 'id' expects an identifier"),
    ("secret,id=s/t,data=x", "Parameter 'id' expects an identifier"),
    ("secret,id=ä,data=x", "Parameter 'id' expects an identifier"),
    ("secret,id=s,data=x,keyid=m", "No secret with id 'm'"),
    ("secret,id=s,data=x,keyid=s", "Secret with id 's' has no data"),
    ("secret,id=s,data=aHVu%,format=base64", "Base64 data contains invalid characters"),
    ("secret,id=s,data=aHVu dGVy,format=base64", "Base64 data contains invalid characters"),
    ("secret,id=s,data=a===,format=base64", "Base64 data contains invalid characters"),
    ("secret,id=s,data=aHVuZA==aHVu,format=base64", "Base64 data contains invalid characters"),
    ("secret,id=s,data=aHVuZA===,format=base64", "Base64 data contains invalid characters"),
    (
      "secret,id=s,file=missing",
      "Unable to read missing: Failed to open file “missing”: No such file or directory"
    ),
    ("secret,id=s,file=.", "Unable to read .: Error reading file “.”: Is a directory"),
    ("{", "JSON parse error, premature EOI"),
    (#"{"qom-type":1,"id":"s"}"#, "Invalid parameter type for 'qom-type', expected: string"),
    (#"{"qom-type":"secret","id":"s","data":1}"#, "Invalid parameter type for 'data', expected: string"),
    (#"{"qom-type":"secret","id":"s","data":"x"} {}"#, "Expecting at most one JSON value"),
    (#"{"qom-type":"secret","id":"s","data":"x","frob":1}"#, "Parameter 'frob' is unexpected"),
  ]

  @Test("C-07 what a definition is refused for", arguments: refused)
  func refusals(_ definition: String, _ message: String) {
    #expect(message == (throwing { () throws(BlockError) in try value([definition]) })?.message)
  }

  @Test("a name is taken once")
  func duplicates() {
    let error = throwing { () throws(BlockError) in
      try value(["secret,id=s,data=x", "secret,id=s,file=missing"])
    }
    #expect(error?.message == "attempt to add duplicate property 's' to object (type 'container')")
  }

  @Test(
    "no message repeats what stands behind data",
    arguments: [
      "secret,id=s,data=hun,hunter2", "secret,id=s,data=hun,hunter2=x", "secret,id=s,data=hun,hunter2.a=x",
      "secret,id=s,data=hun,2hunter2=x", "{'qom-type':'secret','id':'s','data':hunter2}",
      "{'qom-type':'secret','id':'s','data':'hunter2", "secret,id=s,data=hunter2%,format=base64",
      "secret,id=s,data=hunter2,file=x", "secret,id=s,data=hunter2,keyid=m",
      "{'qom-type':'secret','id':'s','data':{'hunter2':1}}",
    ])
  func silence(_ definition: String) throws {
    let error = try #require(throwing { () throws(BlockError) in try value([definition]) })
    #expect(!error.message.contains("hunter2") && error.hint?.contains("hunter2") != true)
  }

  @Test("a file is read as it is, up to a limit")
  func files() throws {
    let folder = TemporaryFolder()
    for count in [0, 1, 4095, 4096, 4097, 20_000] {
      let script = "head -c \"$1\" /dev/zero | tr '\\0' a > file"
      #expect(Shell.run(script, arguments: [String(count)], folder: folder.path).status == 0)
      let bytes = try value(["secret,id=s,file=\(folder.file("file"))"])
      #expect(bytes == [UInt8](repeating: UInt8(ascii: "a"), count: count))
    }
    let large = "head -c \(SecretStore.maximumLength + 1) /dev/zero > file"
    #expect(Shell.run(large, folder: folder.path).status == 0)
    let error = throwing { () throws(BlockError) in try value(["secret,id=s,file=\(folder.file("file"))"]) }
    #expect(error?.kind == .tooLarge)
  }

  private func throwing(_ body: () throws(BlockError) -> [UInt8]) -> BlockError? {
    do throws(BlockError) {
      _ = try body()
      return nil
    } catch {
      return error
    }
  }

  /// Definitions of a secret that is encrypted with the one called `m`.
  private func pair(
    master: String = "data=\(key),format=base64", _ data: String = "data=\(encrypted),format=base64",
    vector: String? = vector
  ) -> [String] {
    let vector = vector.map { ",iv=\($0)" } ?? ""
    return ["secret,id=m,\(master)", "secret,id=s,\(data),keyid=m" + vector]
  }

  @Test("a secret encrypted with another one")
  func encrypted() throws {
    #expect(try value(pair()) == Array("hunter2".utf8))
    let master = "data=kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
    #expect(try value(pair(master: master)) == Array("hunter2".utf8))
    #expect(try value(pair("data=,format=base64")) == [])
    let folder = TemporaryFolder()
    let decode = "echo \(SecretStoreTests.encrypted) | base64 -d > cipher"
    #expect(Shell.run(decode, folder: folder.path).status == 0)
    #expect(try value(pair("file=\(folder.file("cipher"))")) == Array("hunter2".utf8))
  }

  @Test("what an encrypted secret is refused for")
  func encryptedRefusals() {
    let other = "enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6eno="
    let cases: [([String], String)] = [
      (pair(vector: nil), "IV is required to decrypt secret"),
      (pair(vector: "aaaa"), "IV should be 16 bytes in length not 3"),
      (pair(vector: "a"), "IV should be 16 bytes in length not 0"),
      (pair(vector: "%"), "Base64 data contains invalid characters"),
      (pair(master: "data=eHg=,format=base64"), "Key should be 32 bytes in length"),
      (pair(master: "data=\(SecretStoreTests.key)"), "Key should be 32 bytes in length"),
      (pair("data=\(SecretStoreTests.encrypted)"), "Length 24 must be a multiple of block size 16"),
      (
        pair(master: "data=\(other),format=base64"),
        "Incorrect number of padding bytes (50) found on decrypted data"
      ),
      (pair().reversed(), "No secret with id 'm'"),
    ]
    for (definitions, message) in cases {
      #expect(message == (throwing { () throws(BlockError) in try value(definitions) })?.message)
    }
  }
}
