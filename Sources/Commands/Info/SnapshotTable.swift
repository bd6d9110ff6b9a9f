// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Host
internal import Options

/// Internal snapshots as a table for people.
enum SnapshotTable {
  /// A heading and one line for each snapshot.
  static func text(_ snapshots: [SnapshotInformation]) -> String {
    var text = line("ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT")
    for snapshot in snapshots {
      text += line(
        snapshot.id, snapshot.name, SizeText.human(snapshot.stateSize), date(snapshot.seconds),
        clock(snapshot.machineClock), snapshot.instructionCount.map { String($0) } ?? "")
    }
    return text
  }

  private static func line(
    _ id: String, _ tag: String, _ size: String, _ date: String, _ clock: String, _ count: String
  ) -> String {
    Columns.left(id, 9) + " " + Columns.left(tag, 16) + " " + Columns.right(size, 8) + Columns.right(date, 20)
      + Columns.right(clock, 13) + Columns.right(count, 11) + "\n"
  }

  private static func date(_ seconds: UInt32) -> String {
    guard let time = LocalTime(seconds: Int64(seconds)) else { return String(seconds) }
    return "\(Columns.padded(time.year, 4))-\(Columns.padded(time.month, 2))-\(Columns.padded(time.day, 2)) "
      + "\(Columns.padded(time.hour, 2)):\(Columns.padded(time.minute, 2)):\(Columns.padded(time.second, 2))"
  }

  /// Nanoseconds as hours, minutes, seconds and milliseconds.
  private static func clock(_ nanoseconds: UInt64) -> String {
    let seconds = nanoseconds / 1_000_000_000
    return "\(Columns.padded(seconds / 3600, 2)):\(Columns.padded(seconds / 60 % 60, 2)):"
      + "\(Columns.padded(seconds % 60, 2)).\(Columns.padded(nanoseconds / 1_000_000 % 1000, 3))"
  }
}
