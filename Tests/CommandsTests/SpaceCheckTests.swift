// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Support
import Testing

@testable import Commands

@Suite struct SpaceCheckTests {
  @Test("a copy that cannot fit is refused before it starts, unless it is forced")
  func space() {
    let images = ExampleImages()
    let source = images.folder.file("large.qcow2")
    let target = images.folder.file("target.raw")
    _ = images.run("create", "-q", "-f", "qcow2", source, "512T")
    let run = images.run("convert", "-O", "qcow2", "-o", "preallocation=falloc", source, target)
    #expect(run.status == 1)
    #expect(run.errors.contains("'\(target)' needs at least 562949953421312 bytes, and its file system has "))
    #expect(run.errors.contains("--force"))
    #expect(!run.errors.contains("-c"), "neither with space that is reserved")
    let sparse = images.run("convert", "-O", "qcow2", source, target)
    #expect(sparse.status == 0, "\(sparse.errors)")
  }

  @Test(
    "compressing is advised where it helps",
    arguments: [
      ("-O qcow2", true), ("-O qcow", true), ("-O raw", false), ("-O vdi", false), ("-O vmdk", false),
      ("-O vmdk -o subformat=streamOptimized", false), ("-O qcow2 -o preallocation=metadata", false),
    ])
  func advice(_ options: String, _ compresses: Bool) {
    let images = ExampleImages()
    let target = images.folder.file("target")
    let words = ["-S", "0"] + options.split(separator: " ").map(String.init)
    let huge = images.folder.file("huge.qcow2")
    _ = images.run("create", "-q", "-f", "qcow2", huge, "62T")
    let run = Transcript(["strata", "convert"] + words + [huge, target])
    #expect(run.status == 1 && run.errors.contains("bytes free"), "\(run.errors)")
    #expect(run.errors.contains("compress with -c") == compresses, "\(run.errors)")
  }

  @Test("what is no file has no free space to speak of")
  func pipe() {
    let images = ExampleImages()
    let source = images.folder.file("disk.raw")
    _ = images.run("create", "-q", "-f", "raw", source, "1M")
    #expect(Shell.run("mkfifo \"$1\"", images.folder.file("pipe")).status == 0)
    #expect(unsafe symlink(images.folder.file("pipe"), images.folder.file("link")) == 0)
    for name in ["pipe", "link"] {
      // A pipe is waited for until somebody reads it.
      let reader = Shell.run("cat \"$1\" >/dev/null 2>&1 &", images.folder.file(name))
      #expect(reader.status == 0)
      let run = images.run("convert", "-S", "0", "-f", "raw", "-O", "raw", source, images.folder.file(name))
      #expect(run.status == 0 && run.errors == "", "\(run.errors)")
    }
  }

  @Test("lengths that overflow together are an error")
  func overflow() {
    let images = ExampleImages()
    let huge = images.folder.file("huge.qcow2")
    _ = images.run("create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", huge, "2E")
    // Past what a disk can be, and past what 64 bits can.
    for count in [5, 9] {
      let words = ["strata", "convert", "-O", "qcow2"] + Array(repeating: huge, count: count)
      let run = Transcript(words + [images.folder.file("out")])
      #expect(run.status == 1 && run.errors.contains("larger than a disk can be"), "\(run.errors)")
    }
  }
}
