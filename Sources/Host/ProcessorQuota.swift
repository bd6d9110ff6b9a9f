// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The share of the machine's processors that control groups, of either version, leave to this process.
struct ProcessorQuota {
  /// In front of every path: nothing, but for tests.
  var root = ""

  /// How many processors' time the process may use, rounded up and at least 1; nil where nothing limits it.
  var processors: Int? {
    guard let groups = lines(of: "/proc/self/cgroup"), let mounts = lines(of: "/proc/self/mountinfo") else {
      return nil
    }
    var least: Double?
    for group in groups {
      // Number, controllers, path: version 2 has neither number nor controllers.
      let fields = group.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isUnified = fields[1].isEmpty
      guard isUnified || fields[1].split(separator: ",").contains("cpu"),
        let mount = mounts.lazy.compactMap({ Mount($0, isUnified: isUnified) }).first
      else { continue }
      // The limit of a group holds for the groups inside it, too.
      for folder in mount.folders(ofGroup: fields[2]) {
        guard let share = isUnified ? unifiedShare(folder) : share(folder) else { continue }
        least = min(least ?? share, share)
      }
    }
    return least.map { max(1, Int(min($0.rounded(.up), 1e6))) }
  }

  /// Where a hierarchy of control groups is mounted.
  private struct Mount {
    /// The group that is seen at the mount point.
    let top: Substring
    let point: Substring

    /// Takes a line of mountinfo apart; nil where it is of something else.
    init?(_ line: Substring, isUnified: Bool) {
      guard let dash = line.firstRange(of: " - ") else { return nil }
      let fields = line[..<dash.lowerBound].split(separator: " ")
      let kind = line[dash.upperBound...].split(separator: " ")
      guard fields.count >= 5, kind.count >= 3, kind[0] == (isUnified ? "cgroup2" : "cgroup"),
        isUnified || kind[2].split(separator: ",").contains("cpu")
      else { return nil }
      (top, point) = (fields[3], fields[4])
    }

    /// The folders of a group and of those that it is in, as far as they can be seen.
    func folders(ofGroup path: Substring) -> [Substring] {
      var below = path
      if top != "/" { below = path.hasPrefix(top) ? path.dropFirst(top.count) : "" }
      // A group outside the part that can be seen starts with dots.
      guard below.hasPrefix("/"), !below.contains("/..") else { return [point] }
      var result: [Substring] = []
      while !below.isEmpty {
        result.append(point + below)
        below = below[..<(below.lastIndex(of: "/") ?? below.startIndex)]
      }
      return result + [point]
    }
  }

  private func unifiedShare(_ folder: Substring) -> Double? {
    guard let words = lines(of: folder + "/cpu.max")?.first?.split(separator: " "), words.count == 2 else {
      return nil
    }
    return ratio(words[0], words[1])
  }

  private func share(_ folder: Substring) -> Double? {
    guard let quota = lines(of: folder + "/cpu.cfs_quota_us")?.first,
      let period = lines(of: folder + "/cpu.cfs_period_us")?.first
    else { return nil }
    return ratio(quota, period)
  }

  /// Nil where a quota is no number, or a negative one: both mean that there is none.
  private func ratio(_ quota: Substring, _ period: Substring) -> Double? {
    guard let quota = UInt64(quota), let period = UInt64(period), period > 0 else { return nil }
    return Double(quota) / Double(period)
  }

  /// The lines of a file, which does not tell its length.
  private func lines(of path: Substring) -> [Substring]? {
    guard let file = try? File(path: root + String(path), mode: []),
      let content = try? file.readStart(count: 1 << 18)
    else { return nil }
    var bytes: [UInt8] = []
    for offset in 0..<content.count { bytes.append(content.bytes.byte(at: offset)) }
    return Substring(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }
}
