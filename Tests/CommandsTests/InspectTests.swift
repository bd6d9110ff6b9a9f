// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Options
import Support
import Testing

@testable import Commands

@Suite struct InspectTests {
  private func findings(_ images: ExampleImages, _ words: String...) throws -> (status: Int32, text: String) {
    let run = Transcript(["strata", "inspect"] + words)
    let json = Transcript(["strata", "inspect", "--output=json"] + words)
    #expect(json.status == run.status)
    let tree = try #require(try JSONParser.parse(json.output).object)
    for finding in tree["findings"]?.array ?? [] {
      #expect(run.output.contains(finding.object?["message"]?.string ?? "?"))
    }
    #expect(run.output.contains("verdict: \(tree["verdict"]?.string ?? "?")\n"))
    return (run.status, run.output)
  }

  @Test("an image by itself is safe, one that names others is not")
  func references() throws {
    let images = ExampleImages()
    #expect(try findings(images, images.base).status == 0)
    #expect(try findings(images, images.raw).status == 0)
    let top = try findings(images, images.top)
    #expect(top.status == 1 && top.text.contains("it names the backing file '\(images.base)' (qcow2)"))
    let stated = try findings(images, "-f", "raw", images.base)
    #expect(stated.status == 1 && stated.text.contains("stated as raw, but it looks like qcow2"))
  }

  static let patches: [(name: String, commands: String, status: Int32, text: String)] = [
    (
      "polyglot", "printf CD001 | dd of=$f bs=1 seek=32769 conv=notrunc", 1,
      "besides qcow2 it can be taken for iso9660"
    ),
    ("footer", "printf conectix >> $f; truncate -s +504 $f", 1, "several formats: qcow2, vpc"),
    (
      "incompatible", "printf '\\x80' | dd of=$f bs=1 seek=72 conv=notrunc", 1,
      "unknown incompatible feature bit 63"
    ),
    (
      "compatible", "printf '\\x80' | dd of=$f bs=1 seek=80 conv=notrunc", 0,
      "unknown compatible feature bit 63"
    ),
    ("table", "printf '\\x10' | dd of=$f bs=1 seek=43 conv=notrunc", 1, "past the end"),
    ("version", "printf '\\x09' | dd of=$f bs=1 seek=7 conv=notrunc", 2, "Unsupported qcow2 version 9"),
    ("huge", "printf '\\x01' | dd of=$f bs=1 seek=25 conv=notrunc", 1, "too small"),
    ("encrypted", "printf '\\x02' | dd of=$f bs=1 seek=35 conv=notrunc", 1, "Missing CRYPTO header"),
    ("old-encryption", "printf '\\x01' | dd of=$f bs=1 seek=35 conv=notrunc", 0, "encryption: aes"),
    ("short-footer", "printf conectix >> $f; truncate -s +503 $f", 1, "several formats: qcow2, vpc"),
    ("archive", "printf 'PK\\5\\6' >> $f; truncate -s +18 $f", 1, "besides qcow2 it can be taken for zip"),
    (
      "archive-with-a-comment",
      "printf 'PK\\5\\6' >> $f; truncate -s +16 $f; printf '\\350\\3' >> $f; truncate -s +1000 $f", 1,
      "besides qcow2 it can be taken for zip"
    ),
    (
      "no-archive",
      "printf 'PK\\5\\6' >> $f; truncate -s +16 $f; printf '\\377\\3' >> $f; truncate -s +1000 $f", 0, "safe"
    ),
    ("document", "printf '%%PDF-1.4' | dd of=$f bs=1 seek=900 conv=notrunc", 1, "taken for pdf"),
    ("program", "printf MZ | dd of=$f bs=1 conv=notrunc", 1, "it can be taken for program"),
    (
      "foreign", "printf 'Bochs Virtual HD Image' | dd of=$f bs=1 conv=notrunc", 2,
      "Image not in Bochs format"
    ),
    ("script", "printf '#!/bin/sh' | dd of=$f bs=1 conv=notrunc", 1, "it can be taken for script"),
  ]

  @Test("what a header holds is judged", arguments: patches)
  func headers(_ name: String, _ commands: String, _ status: Int32, _ text: String) throws {
    let images = ExampleImages()
    let result = try findings(images, images.patched(name, commands))
    #expect(result.status == status, "\(result.text)")
    #expect(result.text.contains(text), "\(result.text)")
  }

  static let luks: [(name: String, commands: String, status: Int32, text: String)] = [
    ("good", "true", 0, "keys in slots: 0 of 8"),
    ("version", "printf '\\0\\3' | dd of=$f bs=1 seek=6 conv=notrunc", 1, "LUKS version 3 is not supported"),
    ("cipher", "printf 'frob\\0' | dd of=$f bs=1 seek=8 conv=notrunc", 1, "frob"),
    ("cost", "printf '\\177' | dd of=$f bs=1 seek=212 conv=notrunc", 1, "iteration count"),
    ("payload", "printf '\\177' | dd of=$f bs=1 seek=104 conv=notrunc", 1, "past the end of the file"),
    ("overlap", "printf '\\0\\0\\0\\10' | dd of=$f bs=1 seek=104 conv=notrunc", 1, "slot 0"),
    ("cut", "truncate -s 100 $f", 1, "unsafe"),
    ("polyglot", "printf conectix >> $f; truncate -s +504 $f", 1, "several formats: luks, vpc"),
  ]

  @Test("what a LUKS header holds is judged", arguments: luks)
  func encrypted(_ name: String, _ commands: String, _ status: Int32, _ text: String) throws {
    let images = ExampleImages()
    let path = images.folder.file("disk.luks")
    let made = images.run(
      "create", "-q", "-f", "luks", "--object", "secret,id=k,data=x", "-o", "key-secret=k,iter-time=10", path,
      "1M")
    try #require(made.status == 0, "\(made.errors)")
    _ = Shell.run("f=$1; " + commands, path)
    let result = try findings(images, path)
    #expect(result.status == status && result.text.contains(text), "\(result.text)")
    #expect(result.text.contains("encryption: luks\n"))
  }

  @Test("an encrypted qcow2 is safe as long as its encryption header is one")
  func encryptedQcow2() throws {
    let images = ExampleImages()
    let path = images.folder.file("secret.qcow2")
    let made = images.run(
      "create", "-q", "-f", "qcow2", "--object", "secret,id=k,data=x", "-o",
      "encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10,cluster_size=4k", path, "1M")
    try #require(made.status == 0, "\(made.errors)")
    let whole = try findings(images, path)
    #expect(whole.status == 0 && whole.text.contains("encryption: luks\n"), "\(whole.text)")
    // The extension's data, somewhere behind the fields, starts with the place of the header: its magic number goes.
    _ = Shell.run(
      "o=$(grep -abom1 LUKS \"$1\" | cut -d: -f1); printf XX | dd of=\"$1\" bs=1 seek=$o conv=notrunc", path)
    #expect(try findings(images, path).status == 1)
  }

  @Test("a raw disk with partitions is fine, also when it is said to be raw")
  func partitions() throws {
    let images = ExampleImages()
    _ = Shell.run(
      "printf '\\125\\252' | dd of=$1 bs=1 seek=510 conv=notrunc; printf 'EFI PART' | dd of=$1 bs=1 seek=512 "
        + "conv=notrunc", images.raw)
    #expect(try findings(images, images.raw).status == 0)
    #expect(try findings(images, "-f", "raw", images.raw).status == 0)
  }

  @Test("what is no file is not opened")
  func kinds() {
    let folder = TemporaryFolder()
    _ = Shell.run("mkfifo \"$1\"", folder.file("fifo"))
    for path in [folder.file("fifo"), folder.path, "/dev/zero"] {
      let run = Transcript(["strata", "inspect", path])
      #expect(run.status == 2 && run.errors.contains("is neither a file nor a block device"))
    }
  }

  @Test("the kind of an image, its units and what it is known by are told, also of its parent")
  func details() throws {
    let folder = TemporaryFolder()
    func details(_ words: String...) throws -> (OptionObject, text: String) {
      let run = Transcript(["strata", "create", "-q"] + words)
      #expect(run.status == 0, "\(run.errors)")
      let path = try #require(words.last { $0.hasPrefix(folder.path) })
      let json = try JSONParser.parse(Transcript(["strata", "inspect", "--output=json", path]).output)
      let found = try #require(json.object?["details"]?.object)
      return (found, Transcript(["strata", "inspect", path]).output)
    }
    let base = folder.file("base.vhdx")
    let (whole, text) = try details(
      "-f", "vhdx", "-o", "block_size=2M,logical_sector_size=4k,log_size=2M", base, "8M")
    #expect(
      whole["subformat"] == "dynamic" && whole["block-size"] == 2_097_152 && whole["log-size"] == 2_097_152)
    #expect(whole["logical-sector-size"] == 4096 && whole["physical-sector-size"] == 4096)
    #expect(
      text.contains("subformat: dynamic\nblock size: 2 MiB (2097152 bytes)\nlogical sector size: 4 KiB"))
    let (child, _) = try details("-f", "vhdx", "-b", base, "-F", "vhdx", folder.file("child.vhdx"))
    #expect(child["subformat"] == "differencing" && child["disk-id"] == whole["disk-id"])
    let id = try #require(whole["data-write-id"]?.string)
    #expect(child["parent-linkage"]?.string == "{\(id)}")
    #expect(child["parent-relative-path"]?.string == ".\\base.vhdx")
    let disk = folder.file("base.vhd")
    let (fixed, _) = try details("-f", "vpc", "-o", "subformat=fixed", disk, "8M")
    #expect(fixed["subformat"] == "fixed" && fixed["block-size"] == nil)
    let (other, _) = try details("-f", "vpc", "-b", disk, "-F", "vpc", folder.file("child.vhd"))
    #expect(other["subformat"] == "differencing" && other["block-size"] == 2_097_152)
    #expect(other["parent-id"] == fixed["disk-id"])
    let (stream, _) = try details(
      "-f", "vmdk", "-o", "subformat=streamOptimized", folder.file("s.vmdk"), "8M")
    #expect(stream["subformat"] == "streamOptimized" && stream["grain-size"] == 65536)
    let (still, _) = try details("-f", "vdi", "-o", "static=on", folder.file("s.vdi"), "8M")
    #expect(still["subformat"] == "static" && still["block-size"] == 1_048_576)
  }

  @Test("text from an image passes for no line of ours")
  func spelled() throws {
    let folder = TemporaryFolder()
    let (base, child) = (folder.file("a\nverdict: safe.vhdx"), folder.file("child.vhdx"))
    for words in [["-f", "vhdx", base, "8M"], ["-f", "vhdx", "-b", base, "-F", "vhdx", child]] {
      let run = Transcript(["strata", "create", "-q"] + words)
      #expect(run.status == 0, "\(run.errors)")
    }
    let text = Transcript(["strata", "inspect", child]).output
    #expect(text.contains("parent relative path: .\\a\\x0Averdict: safe.vhdx\n"), "\(text)")
  }
}
