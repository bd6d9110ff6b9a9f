// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Testing

@testable import Qcow2Format

@Suite("State of a check of qcow2") struct CheckStateTests {
  @Test("a finding counts by its severity; what a repair of everything mends counts as that alone")
  func severities() {
    for repair in [nil, CheckRepair.leaks, .all] {
      let findings = CheckFindings(repair: repair, nil, mendable: 1)
      findings.found(.bitmapWithoutCluster, canMend: true)
      findings.found(.reservedBitsRefcountTable(index: 1))
      findings.found(.leak(cluster: 1, refcount: 2, references: 1))
      #expect(findings.mendable == (repair == .all ? 2 : 1))
      #expect(findings.result.corruptions == (repair == .all ? 1 : 2))
      #expect(findings.result.leaks == 1 && findings.result.checkErrors == 0)
      #expect(findings.total == 3)
    }
  }

  @Test("what cannot be read is told once, and not where other findings tell of it")
  func unreadable() {
    var lines: [String] = []
    let findings = CheckFindings(repair: nil, FindingLog { lines.append($0) }, mendable: 0)
    findings.noteUnreadable(512)
    for offset: UInt64 in [512, 1024, 1024] { findings.foundUnreadable(offset, "gone") }
    #expect(findings.result.checkErrors == 1 && lines.count == 1)
  }

  @Test("a table that is read again keeps its wrong marks; repeats are those of known tables")
  func tables() {
    let tables = TableStates()
    tables.addRepeat(at: 8)
    #expect(tables[8] == nil && tables.repeated == [])
    var state = TableState()
    state.hasWrongFlags = true
    tables.note(state, at: 8)
    tables.note(TableState(), at: 8)
    tables.note(TableState(), at: 4)
    for offset: UInt64 in [8, 4, 8] { tables.addRepeat(at: offset) }
    tables.noteWrongFlags(3, at: 8)
    #expect(tables[8]?.hasWrongFlags == true && tables[8]?.wrongFlags == 3 && tables[8]?.repeats == 2)
    #expect(tables[4]?.hasWrongFlags == false && tables.repeated == [4, 8])
    tables.forget()
    #expect(tables[8] == nil && tables.repeated == [])
  }

  @Test("tables are read again only as long as there is time for it")
  func budget() {
    let tables = TableStates()
    let halves = (0..<3).map { _ in tables.takeBudget(1 << 23) }
    #expect(halves == [true, true, false])
    #expect(tables.takeBudget(0))
  }
}
