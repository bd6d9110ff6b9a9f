// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Exports of the peer's server.
@Suite("NBD")
struct NBDInteropTests {
  private let folder = TemporaryFolder()

  /// Starts a server for the export `disk` of an image, and ends it with the script.
  private static let prelude = """
    set -eu
    strata=$1
    uri="nbd+unix:///disk?socket=$PWD/socket"
    serve() {
      qemu-nbd -t -e 8 -x disk -k "$PWD/socket" "$@" & server=$!
      trap finish EXIT
      for _ in $(seq 100); do [[ -S socket ]] && return; sleep 0.05; done
      echo 'no server'; exit 1
    }
    # A signal that comes at a bad moment does not wake the server.
    finish() { while kill $server 2>/dev/null; do sleep 0.02; done; }
    stop() { finish; trap - EXIT; rm -f socket; }
    head -c 3000000 /dev/urandom >data
    truncate -s 64M source.raw
    dd if=data of=source.raw bs=1M seek=20 conv=notrunc status=none

    """

  private func run(_ script: String) -> Shell.Outcome {
    Shell.run(Self.prelude + script, Programs.strata, folder: folder.path)
  }

  private static let silence = Shell.Outcome(status: 0, output: "")

  @Test(
    "a length that no disk has is what is told, not that there is no server",
    arguments: [.max, 1 << 63, UInt64(Int64.max), 0x7fff_ffff_c000_0200] as [UInt64])
  func impossibleLength(_ length: UInt64) throws {
    let export = try #require(ImpossibleExport(length: length, in: folder))
    for command in ["info", "map", "check -f raw", "measure", "checksum", "convert -O raw"] {
      let outcome = Shell.run(
        "\"$1\" $2 \"$3\" $([[ $2 == convert* ]] && echo out)", Programs.strata, command, export.uri,
        folder: folder.path)
      #expect(outcome.status == 1)
      #expect(
        outcome.output.hasPrefix(
          "strata: Could not open '\(export.uri)': Could not refresh total sector count: File too large\n"),
        "\(outcome.output)")
    }
  }

  @Test("what is written is there, sparse, and read back the same")
  func copies() {
    let outcome = run(
      """
      truncate -s 64M target.raw
      serve -f raw --discard=unmap target.raw
      "$strata" convert -f raw -O raw source.raw "$uri"
      "$strata" compare -q -f raw -F raw source.raw "$uri"
      "$strata" convert -f raw -O qcow2 "$uri" back.qcow2
      "$strata" convert -n -f raw -O raw source.raw "$uri"
      "$strata" map -f raw --output=json "$uri" | sed 's/ "compressed": false,//' >ours
      qemu-img map -f raw --output=json "$uri" >theirs
      diff ours theirs
      stop
      cmp source.raw target.raw
      [[ $(du -k target.raw | cut -f 1) -lt 4000 ]]
      qemu-img compare -q -f raw -F qcow2 source.raw back.qcow2
      """)
    #expect(outcome == Self.silence)
  }

  @Test(
    "formats stand on exports as they do on devices, and zeros are not written where nothing is allocated")
  func formats() {
    let outcome = run(
      """
      head -c 64M /dev/zero | tr '\\0' x >target.raw
      serve -f raw target.raw
      "$strata" convert -f raw -O qcow2 source.raw "$uri"
      "$strata" check -q "$uri"
      "$strata" compare -q -F raw "$uri" source.raw
      "$strata" snapshot -c one "$uri"
      "$strata" convert -O qcow2 -l one "$uri" back.qcow2
      stop
      qemu-img check -q -f qcow2 target.raw
      qemu-img check -f qcow2 target.raw | grep -q 'Image end offset: 3[0-9]\\{6\\}$'
      qemu-img compare -q -f raw -F qcow2 source.raw back.qcow2
      """)
    #expect(outcome == Self.silence)
  }

  @Test("an interrupted copy leaves no header")
  func interrupted() {
    let outcome = run(
      """
      head -c 64M /dev/zero | tr '\\0' x >target.raw
      qemu-img create -q -f qcow2 target.raw 10M
      serve -f raw target.raw
      timeout -s INT 0.5 "$strata" convert -r 1M -f raw -O qcow2 source.raw "$uri" && exit 1
      stop
      [[ $(head -c 4 target.raw | od -An -tx1) == ' 00 00 00 00' ]]
      """)
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test(
    "what cannot be done is told",
    arguments: [
      (#""$strata" resize -f raw "$uri" 1G"#, "Cannot resize NBD nodes"),
      (#""$strata" create -f raw "$uri" 1G"#, "Cannot grow NBD nodes"),
      (#""$strata" convert -n -O raw -f raw source.raw "$uri""#, "lets this export be read only"),
      (
        #""$strata" info "${uri/disk/other}""#,
        "Requested export not available\nserver reported: export 'other' not present"
      ),
      (#""$strata" info "${uri/socket=/socket=no}""#, "Failed to connect to"),
      (#""$strata" info nbd:nowhere"#, "error parsing address 'nowhere'"),
      (#""$strata" info --image-opts driver=nbd"#, "NBD server address missing"),
      (#""$strata" info --image-opts "driver=nbd,path=$PWD/socket,export=disk,zz=1""#, "option 'zz'"),
      (#""$strata" info --image-opts "driver=nbd,path=$PWD/nothing,zz=1""#, "option 'zz'"),
      (
        #""$strata" bench -w --image-opts "driver=nbd,path=$PWD/socket,export=disk,x-dirty-bitmap=qemu:allocation-depth""#,
        "can only be read"
      ),
    ])
  func refused(_ command: String, _ message: String) {
    let outcome = run(
      """
      truncate -s 1M target.raw
      serve -f raw -A \(command.contains("convert") ? "-r" : "") target.raw
      ! \(command)
      """)
    #expect(outcome.status == 0 && outcome.output.contains(message), "\(outcome.output)")
  }

  @Test(
    "a dirty bitmap and other metadata are shown as the peer shows them",
    arguments: ["qemu:dirty-bitmap:b", "qemu:allocation-depth", "base:allocation"], ["", "file."])
  func metadata(_ context: String, _ layer: String) {
    let driver = layer.isEmpty ? "" : "driver=raw,"
    let outcome = run(
      """
      qemu-img create -q -f qcow2 disk.qcow2 1M
      qemu-img bitmap --add -g 64k disk.qcow2 b
      qemu-io -f qcow2 -c 'write -q 128k 64k' -c 'write -q -z 512k 64k' disk.qcow2
      serve -f qcow2 -r -A -B b disk.qcow2
      options="\(driver)\(layer)driver=nbd,\(layer)path=$PWD/socket,\(layer)export=disk,\(layer)x-dirty-bitmap=\(context)"
      # Whatever it shows as holes, the content is all of it.
      "$strata" convert -O raw --image-opts "$options" copy
      qemu-img compare -q -f raw -F qcow2 copy disk.qcow2 || exit
      for form in human json; do
        "$strata" map --output=$form --image-opts "$options" | sed 's/, "compressed": false//' >ours
        qemu-img map --output=$form --image-opts "$options" >theirs
        diff theirs ours
      done
      """)
    #expect(outcome == Self.silence)
  }

  @Test("a server that comes late is waited for where that is asked for")
  func openTimeout() {
    let outcome = run(
      """
      truncate -s 64M target.raw
      options="driver=nbd,path=$PWD/socket,export=disk,open-timeout=60"
      "$strata" info --image-opts "$options" >out & client=$!
      sleep 0.3
      serve -f raw target.raw
      wait $client
      grep -q 'virtual size: 64 MiB' out
      stop
      options="driver=nbd,path=$PWD/socket,export=disk,open-timeout=1"
      ! "$strata" info --image-opts "$options" 2>error
      grep -q 'Failed to connect to' error
      """)
    #expect(outcome == Self.silence)
  }

  @Test(
    "the error of a server is told with the export, whatever the cache mode",
    arguments: ["unsafe", "writeback"])
  func flushFailure(_ cache: String) throws {
    let export = try #require(ScriptedExport(in: folder, .failing(.flush)))
    let outcome = run(
      #"! "$strata" convert -n -f raw -O raw -t \#(cache) data "\#(export.uri)""#)
    #expect(outcome.status == 0)
    #expect(
      outcome.output.contains("Could not flush '\(export.uri)': Input/output error"), "\(outcome.output)")
  }

  @Test("info tells of an export what it tells of a file", arguments: ["raw", "qcow2"])
  func information(_ format: String) {
    let outcome = run(
      """
      qemu-img create -q -f qcow2 target.qcow2 64M
      serve -f \(format) target.qcow2
      for form in human json; do
        "$strata" info --output=$form "$uri" >ours
        qemu-img info --output=$form "$uri" >theirs
        diff theirs ours
      done
      """)
    #expect(outcome == Self.silence)
  }

  @Test("an image cannot send us to a server")
  func references() {
    let outcome = run(
      """
      truncate -s 1M target.raw
      serve -f raw target.raw
      "$strata" create -q -f qcow2 -b "$uri" -F raw overlay.qcow2
      ! "$strata" map overlay.qcow2
      """)
    #expect(outcome.status == 0)
    #expect(
      outcome.output.contains(
        "warning: 'overlay.qcow2' cannot be opened as it is: 'overlay.qcow2' names 'nbd+unix:"))
    #expect(outcome.output.contains("only local files may be named in an image"))
  }
}
