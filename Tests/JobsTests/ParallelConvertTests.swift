// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Jobs
import Options
import Support
import Synchronization
import Testing

/// Many threads at once. `make tsan` runs these under the thread sanitizer, which must have nothing to report.
@Suite struct ParallelConvertTests {
  private let folder = TemporaryFolder()

  /// What is converted how: the target's format, its creation options, and what else is asked for.
  enum Way: String, CaseIterable {
    case raw, qcow2, extended, compressed, compressedZstd, fromCompressed, offloaded, outOfOrder, overBacking
  }

  @Test("S-04 a convert with many threads copies every byte", arguments: Way.allCases)
  func converts(_ way: Way) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 6 << 20 | 77_824, seed: 4)
    let prepared = Shell.run(
      """
      set -e
      qemu-img convert -c -O qcow2 disk.raw packed
      truncate -s 7M old; qemu-img convert -O qcow2 disk.raw base
      """, folder: folder.path)
    #expect(prepared == Shell.Outcome(status: 0, output: ""))
    let source = way == .fromCompressed ? "packed" : "disk.raw"
    let name = way == .outOfOrder ? "old" : "out"
    var options = ConvertOptions(
      sources: [ImageName(path: folder.file(source))], target: ImageName(path: folder.file(name)))
    options.sourceSettings.format = way == .fromCompressed ? "qcow2" : "raw"
    options.threads = 8
    switch way {
    case .raw, .fromCompressed: break
    case .qcow2: options.targetFormat = "qcow2"
    case .extended:
      options.targetFormat = "qcow2"
      options.creationOptions = try KeyValueList(creationOptions: "extended_l2=on,cluster_size=16k")
    case .compressed, .compressedZstd:
      options.targetFormat = "qcow2"
      options.compresses = true
      if way == .compressedZstd {
        options.creationOptions = try KeyValueList(creationOptions: "compression_type=zstd,cluster_size=4k")
      }
    case .offloaded: options.offloads = true
    case .outOfOrder:
      (options.skipsCreation, options.targetFormat) = (true, "raw")
    case .overBacking:
      (options.targetFormat, options.backing, options.backingFormat) = ("qcow2", folder.file("base"), "qcow2")
    }
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    try runner.run(try ConvertJob(options, opener: Opener(graph: graph, kinds: Drivers.all)))
    #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty)
    let outcome = Shell.run(
      """
      case $2 in qcow2) qemu-img check -q $1 || exit;; esac
      qemu-img compare -f raw -F $2 disk.raw $1 | grep -v '^Warning'
      """, name, options.targetFormat ?? "raw", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "Images are identical.\n"))
  }

  @Test("S-04 draining returns only when nothing is in flight, however many threads copy")
  func drains() throws {
    let graph = Graph()
    let filter = TestFilter()
    let top = try graph.makeNode(filter, "top")
    let disk = try graph.makeNode(MemoryStorage([UInt8](repeating: 5, count: 65536)), "disk")
    let target = try graph.makeNode(MemoryStorage([UInt8](repeating: 0, count: 65536)), "target")
    try graph.attach(disk, to: top)
    let reading = try #require(try graph.use(top, "reader", held: .consistentRead).edge)
    let writing = try #require(try graph.use(target, "writer", held: .write).edge)
    let inFlight = Atomic(0)
    let isDone = Atomic(false)
    filter.whileReading {
      inFlight.wrappingAdd(1, ordering: .sequentiallyConsistent)
      Clock.sleep(seconds: 0.0002)
      inFlight.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
    nonisolated(unsafe) let graphHere = graph
    try Threads.run(9) { (index: Int) throws(BlockError) in
      guard index == 0 else {
        var position = UInt64(index)
        while !isDone.load(ordering: .sequentiallyConsistent) {
          position = (position * 2_654_435_761) % 65536
          let bytes = try reading.array(at: position / 512 * 512, count: 512)
          try writing.write(at: position / 512 * 512, bytes)
          position += 1
        }
        return
      }
      // The first body runs on the thread that owns the graph.
      defer { isDone.store(true, ordering: .sequentiallyConsistent) }
      for _ in 0..<100 {
        while inFlight.load(ordering: .sequentiallyConsistent) == 0 { Clock.sleep(seconds: 0.0001) }
        unsafe try graphHere.change(draining: [top]) { (edit: GraphEdit) throws(BlockError) in
          #expect(inFlight.load(ordering: .sequentiallyConsistent) == 0)
          Clock.sleep(seconds: 0.0001)
          #expect(inFlight.load(ordering: .sequentiallyConsistent) == 0)
        }
      }
    }
  }
}
