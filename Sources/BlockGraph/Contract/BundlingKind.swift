// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

/// A format of files that hold several disks, each as an image of another format. They are made at once and not changed
/// afterwards.
package protocol BundlingKind: DriverKind {
  /// Starts a file.
  ///
  /// - Parameters:
  ///   - name: the file's name, without its folder.
  ///   - lengths: guest-visible bytes of the disks, in order.
  ///   - options: checked creation options.
  /// - Throws: kind `tooLarge` for more disks than it can have; the defect of the options.
  func makeBundle(_ name: String, lengths: [UInt64], options: OptionObject) throws(BlockError) -> any Bundle
}

/// A file that is being made of several images. Used by one thread.
package protocol Bundle: AnyObject {
  /// The format of the images, and the options with which they are made.
  var member: (format: String, options: OptionObject) { get }

  /// The name of the image of a disk.
  func name(of index: Int) -> String

  /// Where the image of a disk starts in the file, in bytes, where the one before it ends at `end`; nil for the first.
  func start(of index: Int, after end: UInt64?) -> UInt64

  /// All images are there: writes what leads to them.
  func finish(_ images: [BundledImage], in file: Edge, _ context: JobContext) throws(BlockError)
}

/// An image in such a file.
package struct BundledImage: Sendable {
  /// Its bytes in the file.
  package var range: Range<UInt64>
  /// Bytes of the disk that have data.
  package var populated: UInt64

  /// Makes a description.
  package init(range: Range<UInt64>, populated: UInt64) {
    self.range = range
    self.populated = populated
  }
}
