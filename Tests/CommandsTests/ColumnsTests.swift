// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct ColumnsTests {
  @Test("a share in per cent is rounded as C does it, also where it is, or only seems to be, a half")
  func percent() {
    let wholes = [1, 3, 7, 8, 32, 64, 96, 160, 200, 256, 400, 800, 1000, 2000, 4000, 8000, 20_000, 32_768]
    let program = """
      BEGIN { split("\(wholes.map(String.init).joined(separator: " "))", w)
        for (i = 1; i in w; i++) for (p = 0; p <= 300; p++) printf "%.2f\\n", p * 100 / w[i] }
      """
    let expected = Shell.run("LC_ALL=C awk \"$1\"", program)
    #expect(expected.status == 0)
    let lines = wholes.flatMap { whole in
      (0...300).map { Columns.percent(UInt64($0), of: UInt64(whole)) }
    }
    #expect(expected.output.split(separator: "\n").map(String.init) == lines)
    #expect(Columns.percent(1, of: 32) == "3.12")
  }
}
