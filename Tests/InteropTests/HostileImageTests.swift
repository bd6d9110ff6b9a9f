// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Images that somebody made to do harm, and every command.
@Suite struct HostileImageTests {
  private let folder = TemporaryFolder()

  /// Command lines; the image is `m`, a new one `o`.
  private static let lines = """
    info m
    info --output=json m
    info --untrusted m
    inspect m
    check -f qcow2 m
    check -f qcow2 --output=json m
    check -f qcow2 -r leaks m
    check -f qcow2 -r all m
    map -f qcow2 --start-offset=0 --max-length=1M --output=json m
    measure -f qcow2 -O qcow2 m
    graph m
    snapshot -l m
    snapshot -c new m
    snapshot -a 1 m
    snapshot -d 1 m
    bitmap --add -f qcow2 m new
    bitmap --remove -f qcow2 m one
    resize -f qcow2 m +1M
    resize -f qcow2 --shrink m 32k
    amend -f qcow2 -o compat=0.10 m
    amend -f qcow2 -o compat=1.1,lazy_refcounts=on m
    amend -f qcow2 -o refcount_bits=32 m
    bench -f qcow2 -w -c 2 -d 1 -s 4096 -S 4096 m
    rebase -f qcow2 -u -b base -F raw m
    dd -f qcow2 -O raw bs=4096 count=4 if=m of=o
    """

  /// Those of them that read or write what a header places in the file, each in its way.
  private static let fewLines = """
    info m
    inspect m
    check -f qcow2 m
    check -f qcow2 -r all m
    snapshot -c new m
    resize -f qcow2 m +1M
    amend -f qcow2 -o refcount_bits=32 m
    bench -f qcow2 -w -c 2 -d 1 -s 4096 -S 4096 m
    """

  /// Runs every line on a fresh copy with an end to its time and memory; prints line, status, lines of the program, the
  /// last line of the messages.
  private static let script = """
    ulimit -v 1000000
    while IFS= read -r line; do
      cp --sparse=always image m; rm -f o
      timeout 60 "$1" $line >output 2>messages </dev/null
      status=$?
      lines=$(grep -v '^strata: hint: ' messages | grep -c .)
      echo "$line|$status|$(stat -c %s messages)|$(grep -v '^strata: hint: ' messages | tail -n 1)"
    done
    """

  private func run(_ image: HostileQcow2, _ lines: String) throws -> [(
    line: String, status: Int32, bytes: Int, last: String
  )] {
    try image.image.write(to: folder, as: "image")
    let outcome = Shell.run(
      Self.script + " <<'END'\n" + lines + "\nEND", Programs.strata,
      folder: folder.path)
    var results: [(line: String, status: Int32, bytes: Int, last: String)] = []
    for line in outcome.output.split(separator: "\n") {
      let parts = line.split(separator: "|", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, let status = Int32(parts[1]), let bytes = Int(parts[2]) else { continue }
      results.append((String(parts[0]), status, bytes, String(parts[3])))
    }
    #expect(results.count == lines.split(separator: "\n").count, "\(outcome.output)")
    return results
  }

  @Test(
    "D-08 the most of everything ends in bounded time and memory, and in a line of the program where it fails",
    arguments: HostileQcow2.multitudes)
  func multitudes(_ image: HostileQcow2) throws {
    for result in try run(image, Self.lines) {
      #expect(result.status < 124, "\(image): \(result)")
      #expect(result.bytes < 1 << 20, "\(image): \(result)")
      guard result.status == 1, !result.line.hasPrefix("inspect") else { continue }
      #expect(result.last.hasPrefix("strata: "), "\(image): \(result)")
    }
  }

  @Test(
    "what contradicts itself is not called safe, and traps no command", arguments: HostileQcow2.contradictions
  )
  func contradictions(_ image: HostileQcow2) throws {
    for result in try run(image, Self.fewLines) {
      #expect(result.status < 124, "\(image): \(result)")
      if result.line == "inspect m" { #expect([1, 2].contains(result.status), "\(image): \(result)") }
      guard result.status == 1, !result.line.hasPrefix("inspect") else { continue }
      #expect(result.last.hasPrefix("strata: "), "\(image): \(result)")
    }
  }

  @Test("images that are whole are safe", arguments: SampleQcow2.Shape.allCases)
  func whole(_ shape: SampleQcow2.Shape) throws {
    try SampleQcow2(shape).write(to: folder, as: "m")
    let outcome = Shell.run("\"$1\" inspect m", Programs.strata, folder: folder.path)
    #expect(outcome.status == (shape == .dataFile ? 1 : 0), "\(outcome.output)")
  }
}
