// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Options

/// One moment of a job's progress, for people and for programs.
struct ProgressPicture {
  /// The name of the work that is under way.
  var phase: String
  /// Bytes done, and all bytes as far as known.
  var done: UInt64
  var total: UInt64
  /// Seconds since the start.
  var seconds: Double
  /// Whether all is done, also where there was nothing to do.
  var isComplete = false

  /// Bytes a second since the start, where some time has passed.
  var rate: Double? { seconds > 0.01 && done > 0 ? Double(done) / seconds : nil }

  /// Seconds until the end at this rate.
  var secondsLeft: Double? {
    if isComplete { return 0 }
    guard let rate, total >= done else { return nil }
    return Double(total - done) / rate
  }

  private var fraction: Double {
    isComplete ? 1 : total == 0 ? 0 : min(1, Double(done) / Double(total))
  }

  /// An object on one line. Rate and time left are null while they are not known.
  var json: String {
    let object: OptionObject = [
      "phase": .string(phase), "bytes-done": OptionTree(done), "bytes-total": OptionTree(total),
      "rate": rate.map { OptionTree(UInt64($0)) } ?? .null,
      "seconds-left": secondsLeft.map { .real(($0 * 10).rounded() / 10) } ?? .null,
    ]
    return JSONWriter.compact(.object(object))
  }

  /// A line of 72 columns at most: the part done as a bar, in per cent, the rate and the time left.
  var bar: String {
    let width = 28
    let filled = Int(fraction * Double(width))
    let marks = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    let percent = Columns.right(String(Int(fraction * 100)), 3)
    let speed = rate.map { SizeText.human(UInt64($0)) + "/s" } ?? ""
    let left = secondsLeft.map(ProgressPicture.time) ?? "--:--"
    return "[\(marks)] \(percent)%  \(Columns.right(speed, 14))  \(Columns.left(left + " left", 16))"
  }

  /// Seconds as hours, minutes and seconds.
  private static func time(_ seconds: Double) -> String {
    let whole = UInt64(min(max(seconds, 0), 359_999).rounded(.up))
    let (hours, rest) = (whole / 3600, whole % 3600)
    let minutes = "\(Columns.padded(rest / 60, 2)):\(Columns.padded(rest % 60, 2))"
    return hours > 0 ? "\(hours):\(minutes)" : minutes
  }
}
