// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host
internal import Options

/// Internal snapshots as a table for people.
enum SnapshotTable {
  /// Writes two headings and one line for each snapshot, which are objects as `InfoTree.snapshot` makes them.
  static func write(_ snapshots: TreeList, _ print: (String) -> Void) {
    print("Snapshot list:\n")
    print(line("ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"))
    for index in 0..<snapshots.count {
      guard let snapshot = snapshots[index].object else { continue }
      func number(_ key: String) -> UInt64 { snapshot[key]?.unsigned ?? 0 }
      print(
        line(
          snapshot["id"]?.string ?? "", snapshot["name"]?.string ?? "",
          SizeText.human(number("vm-state-size")), date(number("date-sec")),
          clock(number("vm-clock-sec"), number("vm-clock-nsec")),
          snapshot["icount"]?.unsigned.map { String($0) } ?? ""))
    }
  }

  private static func line(
    _ id: String, _ tag: String, _ size: String, _ date: String, _ clock: String, _ count: String
  ) -> String {
    Columns.left(id, 9) + " " + Columns.left(tag, 16) + " " + Columns.right(size, 8) + Columns.right(date, 20)
      + Columns.right(clock, 13) + Columns.right(count, 11) + "\n"
  }

  private static func date(_ seconds: UInt64) -> String {
    guard let time = Int64(exactly: seconds).flatMap({ LocalTime(seconds: $0) }) else {
      return String(seconds)
    }
    return "\(Columns.padded(time.year, 4))-\(Columns.padded(time.month, 2))-\(Columns.padded(time.day, 2)) "
      + "\(Columns.padded(time.hour, 2)):\(Columns.padded(time.minute, 2)):\(Columns.padded(time.second, 2))"
  }

  /// Hours, minutes, seconds and milliseconds.
  private static func clock(_ seconds: UInt64, _ nanoseconds: UInt64) -> String {
    return "\(Columns.padded(seconds / 3600, 2)):\(Columns.padded(seconds / 60 % 60, 2)):"
      + "\(Columns.padded(seconds % 60, 2)).\(Columns.padded(nanoseconds / 1_000_000, 3))"
  }
}
