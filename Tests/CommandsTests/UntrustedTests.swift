// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct UntrustedTests {
  @Test("no name found in an image is followed", arguments: ["map", "convert", "compare", "info"])
  func closed(_ command: String) {
    let images = ExampleImages()
    let target = images.folder.file("out.raw")
    let words: [String: [String]] = [
      "map": [images.top], "convert": [images.top, target],
      "compare": [images.top, images.base], "info": ["--backing-chain", images.top],
    ]
    let open = Transcript(["strata", command] + (words[command] ?? []))
    #expect(open.status == 0, "\(open.errors)")
    let closed = Transcript(["strata", command, "--untrusted"] + (words[command] ?? []))
    #expect(closed.status > 0)
    #expect(closed.errors.contains("names the backing file '\(images.base)', which is not followed"))
  }

  @Test("an overlay is checked by itself")
  func check() {
    let images = ExampleImages()
    let run = images.run("check", "--untrusted", images.top)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
  }

  @Test(
    "tables that take too much memory are refused before it is taken", arguments: ["info", "map", "check"])
  func budget(_ command: String) {
    let images = ExampleImages()
    // 32 MiB of L1 entries, 8 MiB of refcount table and 65 535 snapshots are each inside the format's limits.
    let path = images.patched(
      "large",
      "printf '\\0\\100\\0\\0' | dd of=$f bs=1 seek=36 conv=notrunc status=none;"
        + "printf '\\0\\0\\0\\200' | dd of=$f bs=1 seek=56 conv=notrunc status=none;"
        + "printf '\\0\\0\\377\\377' | dd of=$f bs=1 seek=60 conv=notrunc status=none")
    let run = images.run(command, "--untrusted", path)
    #expect(run.status == 1)
    #expect(run.errors.contains("bytes of memory, more than the 67108864 that are allowed"), "\(run.errors)")
    #expect(!images.run(command, path).errors.contains("bytes of memory"))
  }

  @Test("snapshots count with what they take, names and all", arguments: ["info", "map", "snapshot -l"])
  func snapshotBudget(_ command: String) throws {
    let images = ExampleImages()
    // By number neither is too many; names of 1000 bytes make the difference.
    for (name, count, isRefused) in [("many", 60_000, true), ("few", 40_000, false)] {
      let path = images.patched(
        name,
        """
        { head -c 12 /dev/zero; printf '\\0\\2\\3\\350'; head -c 20 /dev/zero; printf '\\0\\0\\0\\30'
          head -c 24 /dev/zero; printf 'id'; head -c 1000 /dev/zero | tr '\\0' n; head -c 6 /dev/zero; } >"$f.entry"
        for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$f.entry" "$f.entry" >"$f.two"; mv "$f.two" "$f.entry"; done
        for _ in $(seq 60); do cat "$f.entry"; done | head -c $((1072 * \(count))) |
          dd of=$f bs=1M seek=16 conv=notrunc status=none
        printf "$(printf '\\\\x%02x' 0 0 \(count >> 8) \(count & 255) 0 0 0 0 1 0 0 0)" |
          dd of=$f bs=1 seek=60 conv=notrunc status=none
        """)
      let words = command.split(separator: " ").map(String.init)
      let run = Transcript(["strata"] + words + ["--untrusted", path])
      #expect(run.errors.contains("bytes of memory, more than the 67108864 that are allowed") == isRefused)
      #expect((run.status == 0) != isRefused, "\(run.errors)")
    }
  }

  @Test("no image is taken for raw by guessing")
  func raw() {
    let images = ExampleImages()
    #expect(images.run("info", images.raw).status == 0)
    #expect(images.run("info", "--untrusted", images.raw).errors.contains("is not guessed raw"))
    #expect(images.run("info", "--untrusted", "-f", "raw", images.raw).status == 0)
    #expect(images.run("info", "--untrusted", images.top).status == 0)
  }
}
