// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// L1 offsets that lead onto something else: a repair does not take for a table what is none.
@Suite struct MisplacedL1Tests {
  private let folder = TemporaryFolder()

  /// Images whose L1 tables take one cluster, and two. Data are patterns, zeros, and numbers that look like entries.
  static let shapes = ["cluster_size=4096", "cluster_size=512", "cluster_size=4096,compat=0.10"]

  private static let make = """
    set -e
    length=$((8 * 64 << 10)) ; case $1 in *=512*) length=$((128 * 32 << 10)) ;; esac
    qemu-img create -q -f qcow2 -o "$1" disk $length
    for _ in $(seq 256); do printf '\\x00\\x00\\x00\\x01'; head -c 12 /dev/zero; done >numbers
    { head -c 4088 /dev/zero; printf '\\x00\\x00\\x00\\x02'; head -c 4 /dev/zero; } >number
    qemu-io -f qcow2 disk >/dev/null -c 'write -P 65 0 8k' -c 'write -P 0 8k 8k' -c 'write -s numbers 16k 4k' \\
      -c 'write -s number 24k 4k' -c "write -P 66 $((length - 4096)) 4k"
    qemu-img snapshot -c one disk
    qemu-io -f qcow2 disk >/dev/null -c 'write -P 67 0 4k' -c 'write -P 0 32k 4k' -c 'write -s number 36k 4k'
    qemu-img snapshot -c two disk
    qemu-io -f qcow2 disk >/dev/null -c 'write -P 68 4k 4k' -c 'write -s numbers 40k 4k' -c 'write -P 0 44k 4k'
    case $1 in *0.10*) exit ;; esac
    qemu-img bitmap --add disk marks; qemu-io -f qcow2 -c 'write -P 69 0 512' disk >/dev/null
    """

  private func image(_ shape: String) throws -> (bytes: [UInt8], cluster: Int) {
    let made = Shell.run(Self.make, shape, folder: folder.path)
    try #require(made == Shell.Outcome(status: 0, output: ""))
    return (Shell.readFile(folder.file("disk")), shape.contains("4096") ? 4096 : 512)
  }

  /// The disk and the snapshots as they read; nil where one is not there or cannot be read.
  private func contents(_ image: RepairedImage) -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in ["", "one", "two"] { contents[name] = image.disk(name) }
    return contents
  }

  @Test(
    "a snapshot's L1 offset that leads anywhere costs neither the disk nor another snapshot a byte",
    arguments: shapes)
  func snapshots(_ shape: String) throws {
    let (bytes, cluster) = try image(shape)
    let table = Int(big64(bytes, at: 64))
    let whole = contents(try RepairedImage(bytes))
    #expect(whole.count == 3)
    for place in 0..<bytes.count / cluster {
      var damaged = bytes
      set64(UInt64(place * cluster), in: &damaged, at: table)
      let repaired = try RepairedImage(damaged)
      let first = try repaired.check(.all)
      #expect(first.corruptions == 0 && first.leaks == 0 && first.checkErrors == 0, "cluster \(place)")
      let after = contents(repaired)
      #expect(after[""] == whole[""] && after["two"] == whole["two"], "cluster \(place)")
      let second = try repaired.check(nil)
      #expect(second.corruptions == 0 && second.leaks == 0, "cluster \(place)")
    }
  }

  @Test(
    "an active L1 offset that leads to what is no table costs no byte: the repair is refused",
    arguments: shapes)
  func active(_ shape: String) throws {
    let (bytes, cluster) = try image(shape)
    let whole = contents(try RepairedImage(bytes))
    let tables = [48, 64, Int(big64(bytes, at: 48)), Int(big64(bytes, at: 40))]
    var mustRefuse = Set([48, 64].map { Int(big64(bytes, at: $0)) / cluster })
    for table in tables.dropFirst(2) {
      mustRefuse.insert(Int(big64(bytes, at: table) & 0xff_ffff_ffff_fe00) / cluster)
    }
    for place in 1..<bytes.count / cluster {
      var damaged = bytes
      set64(UInt64(place * cluster), in: &damaged, at: 40)
      let isPattern = (65...70).contains(bytes[place * cluster])
      for repair in [CheckRepair.leaks, .all] {
        let repaired = try RepairedImage(damaged)
        let isRefused = (try? repaired.check(repair)) == nil
        #expect(isRefused || !isPattern && !mustRefuse.contains(place), "cluster \(place)")
        #expect(!isRefused || repaired.memory.bytes == damaged, "cluster \(place)")
        let after = contents(repaired)
        #expect(after["one"] == whole["one"] && after["two"] == whole["two"], "cluster \(place)")
      }
    }
  }

  private func big64(_ bytes: [UInt8], at offset: Int) -> UInt64 {
    bytes[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func set64(_ number: UInt64, in bytes: inout [UInt8], at offset: Int) {
    for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index)) }
  }
}
