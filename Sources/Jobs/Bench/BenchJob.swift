// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Sends requests to an image and takes the time.
package final class BenchJob: Job {
  /// `bench`.
  package let kind = "bench"
  /// How long all requests took together, in seconds; known once the job has run.
  package private(set) var seconds = 0.0
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  private var user: RootUser?
  private let name: String
  private let options: BenchOptions
  /// As many as requests under way, but no more than a process can well have.
  private static let mostThreads: UInt64 = 1024
  /// Memory in bytes that the buffers of all threads may take together.
  private static let memory: UInt64 = 24 << 20

  /// - Parameters:
  ///   - user: the user of the image, which the job closes in the end; must hold consistent-read and, for a run that
  ///     writes, write.
  ///   - name: the image's name as the user wrote it.
  package init(_ user: RootUser, named name: String, _ options: BenchOptions) {
    self.user = user
    self.name = name
    self.options = options
  }

  /// Sends the requests; ends with the first that fails.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let edge = user?.edge else { return }
    let options = options
    let threads = threads
    // Requests that are larger than the memory for them are sent in parts.
    let part = BenchJob.memory / UInt64(threads) / 4096 * 4096
    let requests = BenchRequests(
      options, length: edge.length, slots: threads, bufferSize: Int(min(options.size, part)))
    let scheduler = SegmentScheduler<BenchRequest>(
      threads: threads, capacity: threads, context: context, next: { slot in requests.next(slot) },
      stages: [
        .step(.together) { request throws(BlockError) in
          do throws(BlockError) {
            switch request {
            case .flush: try edge.flush()
            case .transfers(let run, let buffer):
              for offset in run { try BenchJob.transfer(edge, at: offset, buffer, options) }
            }
          } catch {
            throw error.kind == .interrupted ? error : error.prefixed("Failed request")
          }
        }
      ])
    let start = Clock.now
    try scheduler.run()
    seconds = Clock.now - start
  }

  /// Closes the image: what it still holds of the data is written only then.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    closeFailure = graph.close(user, named: name)
    user = nil
  }

  /// One thread for each request that is to be under way.
  private var threads: Int { Int(max(1, min(options.depth, options.count, BenchJob.mostThreads))) }

  private static func transfer(_ edge: Edge, at offset: UInt64, _ buffer: Buffer, _ options: BenchOptions)
    throws(BlockError)
  {
    guard let end = offset.plus(options.size), end <= edge.length else {
      throw BlockError(.inputOutput, "Input/output error")
    }
    var position = offset
    repeat {
      let count = Int(min(end - position, UInt64(buffer.count)))
      if options.isWrite {
        try edge.write(at: position, from: buffer.bytes.slice(0..<count))
      } else {
        var bytes = buffer.mutableBytes
        var part = bytes.slice(0..<count)
        try edge.read(at: position, into: &part)
      }
      position += UInt64(count)
    } while position < end
  }
}
