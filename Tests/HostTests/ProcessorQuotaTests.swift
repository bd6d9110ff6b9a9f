// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Host

struct ProcessorQuotaTests {
  /// What a process finds of control groups.
  struct Groups: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The lines of /proc/self/cgroup and /proc/self/mountinfo.
    var memberships: [String]
    var mounts: [String]
    /// Limits by path.
    var files: [String: String]
    var processors: Int?
  }

  private static let unified = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw"
  private static let processor = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"

  static let groups = [
    Groups(testDescription: "none", memberships: ["0::/"], mounts: [unified], files: [:]),
    Groups(
      testDescription: "no limit", memberships: ["0::/a"], mounts: [unified],
      files: ["sys/fs/cgroup/a/cpu.max": "max 100000\n"]),
    Groups(
      testDescription: "version 2, rounded up", memberships: ["0::/a"], mounts: [unified],
      files: ["sys/fs/cgroup/a/cpu.max": "150000 100000\n"], processors: 2),
    Groups(
      testDescription: "version 2, less than one", memberships: ["0::/a"], mounts: [unified],
      files: ["sys/fs/cgroup/a/cpu.max": "1000 100000\n"], processors: 1),
    Groups(
      testDescription: "the tightest on the way up", memberships: ["0::/a/b/c"], mounts: [unified],
      files: [
        "sys/fs/cgroup/a/cpu.max": "300000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "sys/fs/cgroup/a/b/c/cpu.max": "800000 100000\n",
      ], processors: 3),
    Groups(
      testDescription: "the root of a container", memberships: ["0::/"], mounts: [unified],
      files: ["sys/fs/cgroup/cpu.max": "400000 100000\n"], processors: 4),
    Groups(
      testDescription: "version 1", memberships: ["3:cpuset:/", "2:cpu,cpuacct:/a"],
      mounts: ["30 23 0:27 / /proc rw - proc proc rw", processor],
      files: [
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "500000\n",
        "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
      ], processors: 5),
    Groups(
      testDescription: "version 1 without a quota", memberships: ["2:cpu:/a"], mounts: [processor],
      files: [
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
      ]),
    Groups(
      testDescription: "a part of the tree is mounted", memberships: ["2:cpu:/docker/x/y"],
      mounts: ["32 31 0:29 /docker/x /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu"],
      files: [
        "sys/fs/cgroup/cpu/y/cpu.cfs_quota_us": "60000\n", "sys/fs/cgroup/cpu/y/cpu.cfs_period_us": "10000\n",
      ], processors: 6),
    Groups(
      testDescription: "both versions, and a group that is out of sight",
      memberships: ["1:name=systemd:/", "2:cpu:/", "0::/../other"], mounts: [unified, processor],
      files: [
        "sys/fs/cgroup/cpu.max": "700000 100000\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "900000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n", "sys/fs/other/cpu.max": "1000 100000\n",
      ], processors: 7),
    Groups(
      testDescription: "nonsense", memberships: ["0", "0::a", "::::"], mounts: ["a - b", "- ", unified],
      files: ["sys/fs/cgroup/cpu.max": "12\n"]),
  ]

  @Test("the quota of control groups is found where it is", arguments: groups)
  func quota(_ groups: Groups) throws {
    let folder = TemporaryFolder()
    var files = groups.files
    files["proc/self/cgroup"] = groups.memberships.joined(separator: "\n") + "\n"
    files["proc/self/mountinfo"] = groups.mounts.joined(separator: "\n") + "\n"
    for (path, text) in files {
      #expect(
        Shell.run("mkdir -p \"${1%/*}\" && printf '%s' \"$2\" >\"$1\"", folder.file(path), text).status == 0)
    }
    #expect(ProcessorQuota(root: folder.path).processors == groups.processors)
  }

  @Test("without control groups nothing limits")
  func missing() { #expect(ProcessorQuota(root: "/nonexistent").processors == nil) }
}
