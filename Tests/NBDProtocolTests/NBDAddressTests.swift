// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import NBDProtocol
import Options
import Testing

/// How options name an export, and the URI that says the same; nil where they name none.
struct NamedExport: Sendable {
  var options: OptionObject
  var uri: String?
}

@Suite("Names of NBD exports")
struct NBDAddressTests {
  static let names: [NamedExport] = [
    NamedExport(options: ["filename": "nbd://host/disk"], uri: "nbd://host/disk"),
    NamedExport(options: ["filename": "nbd+tcp://host:10810"], uri: "nbd://host:10810"),
    NamedExport(options: ["filename": "nbd+unix:///a?socket=/s"], uri: "nbd+unix:///a?socket=/s"),
    NamedExport(options: ["filename": "nbds://host:10810/a"], uri: "nbds://host:10810/a"),
    NamedExport(options: ["filename": "nbd://[::1]/a%20b"], uri: "nbd://[::1]/a%20b"),
    NamedExport(options: ["filename": "nbd://"], uri: nil),
    NamedExport(options: ["filename": "nbd:///a"], uri: nil),
    NamedExport(options: ["filename": "nbd://host:x/a"], uri: nil),
    NamedExport(options: ["filename": "nbd://host:65536"], uri: nil),
    NamedExport(options: ["filename": "nbd://host/a%0"], uri: nil),
    NamedExport(options: ["filename": "nbd://host/a%00"], uri: nil),
    NamedExport(options: ["filename": "nbd://[::1/a"], uri: nil),
    NamedExport(options: ["filename": "nbd://host/a?socket=/s"], uri: nil),
    NamedExport(options: ["filename": "nbd+unix:///a"], uri: nil),
    NamedExport(options: ["filename": "nbd+unix://host/a?socket=/s"], uri: nil),
    NamedExport(options: ["filename": "nbd+unix:///a?socket=/s&b=c"], uri: nil),
    NamedExport(options: ["filename": "nbd:host:10810"], uri: "nbd://host:10810"),
    NamedExport(options: ["filename": "nbd:::1:10810:exportname=a:b"], uri: "nbd://[::1]:10810/a:b"),
    NamedExport(options: ["filename": "nbd:[::1]:10810"], uri: "nbd://[::1]:10810"),
    NamedExport(options: ["filename": "nbd:[::1]:10810:exportname=[a]"], uri: "nbd://[::1]:10810/%5Ba%5D"),
    NamedExport(options: ["filename": "nbd:[::1]"], uri: nil),
    NamedExport(options: ["filename": "nbd:[::1]:exportname=a"], uri: nil),
    NamedExport(options: ["filename": "nbd:[]:10810"], uri: nil),
    NamedExport(options: ["filename": "nbd:host:"], uri: nil),
    NamedExport(
      options: ["filename": "nbd:unix:/run/s:exportname=a b"], uri: "nbd+unix:///a%20b?socket=/run/s"),
    NamedExport(options: ["filename": "nbd:host"], uri: nil),
    NamedExport(options: ["filename": "nbd::10809"], uri: nil),
    NamedExport(
      options: ["server": ["type": "unix", "path": "/run/s&t"], "export": "x?"],
      uri: "nbd+unix:///x%3F?socket=/run/s%26t"),
    NamedExport(
      options: ["server": ["type": "inet", "host": "h", "port": "1"], "export": ""], uri: "nbd://h:1"),
    NamedExport(options: ["path": "/s"], uri: "nbd+unix://?socket=/s"),
    NamedExport(options: ["host": "h", "export": "e"], uri: "nbd://h:10809/e"),
    NamedExport(options: ["server": ["type": "unix"]], uri: nil),
    NamedExport(options: ["server": ["type": "inet", "host": "h"]], uri: nil),
    NamedExport(options: ["server": ["type": "inet", "port": "1"]], uri: nil),
    NamedExport(options: ["server": ["type": "vsock", "cid": "1", "port": "2"]], uri: nil),
    NamedExport(options: ["export": "e"], uri: nil),
    NamedExport(options: [:], uri: nil),
  ]

  @Test("every form has one URI", arguments: names)
  func uri(_ export: NamedExport) {
    #expect(NBDStorage().storageName(export.options) == export.uri)
  }

  @Test("its prefixes keep the whole name")
  func prefixes() throws {
    let name = try ImageName("nbd+unix:///a?socket=/s", protocols: NBDStorage().namePrefixes)
    #expect(name.options == ["file": ["driver": "nbd", "filename": "nbd+unix:///a?socket=/s"]])
    #expect(throws: BlockError.self) { try ImageName("nbdx://a", protocols: NBDStorage().namePrefixes) }
  }
}
