// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
internal import Bytes
public import Errors
internal import Host

/// Sends requests to an image and takes the time.
public final class BenchJob: Job {
  /// `bench`.
  public let kind = "bench"
  /// How long all requests took together, in seconds; known once the job has run.
  public private(set) var seconds = 0.0
  private let edge: Edge
  private let options: BenchOptions
  /// As many as requests under way, but no more than a process can well have.
  private static let mostThreads: UInt64 = 1024
  /// Memory in bytes that the buffers of all threads may take together.
  private static let memory: UInt64 = 24 << 20

  /// - Parameter edge: the image; must hold consistent-read and, for a run that writes, write.
  public init(_ edge: Edge, _ options: BenchOptions) {
    self.edge = edge
    self.options = options
  }

  /// Sends the requests; ends with the first that fails.
  public func run(_ context: JobContext) throws(BlockError) {
    let schedule = BenchSchedule(options, length: edge.length)
    let (edge, options) = (edge, options)
    context.expect(options.count)
    let start = Clock.now
    let threads = threads
    // Requests that are larger than the memory for them are sent in parts.
    let part = BenchJob.memory / UInt64(threads) / 4096 * 4096
    try Threads.run(threads) { _ throws(BlockError) in
      let buffer = Buffer(count: Int(min(options.size, part)))
      if options.isWrite {
        var bytes = buffer.mutableBytes
        bytes.fill(options.pattern)
      }
      while let request = schedule.next() {
        do throws(BlockError) {
          try context.checkInterrupted()
          switch request {
          case .flush: try edge.flush()
          case .transfer(let offset): try BenchJob.transfer(edge, at: offset, buffer, options)
          }
        } catch {
          schedule.stop()
          throw error.kind == .interrupted ? error : error.prefixed("Failed request")
        }
        schedule.finish(request)
      }
    }
    seconds = Clock.now - start
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

/// Which request comes next, for all threads of a run.
final class BenchSchedule: @unchecked Sendable {
  /// What one thread does next.
  enum Request: Equatable {
    /// Read or write at this offset.
    case transfer(UInt64)
    /// Make everything durable.
    case flush
  }

  private let options: BenchOptions
  private let length: UInt64
  private let monitor = Monitor()
  // All below under the monitor's lock.
  private var offset: UInt64
  private var sent: UInt64 = 0
  private var underWay: UInt64 = 0
  private var isFlushDue = false
  private var isFlushing = false
  private var isStopped = false

  init(_ options: BenchOptions, length: UInt64) {
    self.options = options
    self.length = length
    offset = options.offset
  }

  /// The next request, to be told of with `finish`; nil at the end.
  func next() -> Request? {
    monitor.lock()
    defer { monitor.unlock() }
    while !isStopped {
      if isFlushDue {
        guard options.drains, underWay > 0 else {
          isFlushDue = false
          isFlushing = true
          return .flush
        }
      } else if !(options.drains && isFlushing) {
        guard sent < options.count else { return nil }
        return takeTransfer()
      }
      monitor.wait()
    }
    return nil
  }

  private func takeTransfer() -> Request {
    let place = offset
    offset = offset &+ options.step
    if length > 0 { offset %= length }
    sent += 1
    underWay += 1
    if options.flushInterval > 0, sent % options.flushInterval == 0 { isFlushDue = true }
    return .transfer(place)
  }

  /// A request is done.
  func finish(_ request: Request) {
    monitor.withLock {
      if request == .flush { isFlushing = false } else { underWay -= 1 }
      if isFlushDue || request == .flush { monitor.notifyAll() }
    }
  }

  /// Ends the run.
  func stop() {
    monitor.withLock {
      isStopped = true
      monitor.notifyAll()
    }
  }
}
