// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

// Requests that concern an image as a whole rather than a range of it.
extension Edge {
  /// Names another backing file in the child's image, or none; durable on return, after everything before.
  ///
  /// Only the name changes: the graph alone decides which nodes stand below.
  ///
  /// - Throws: kind `unsupported` for formats without backing files; kind `tooLarge` where the name finds no room.
  package func setBackingFile(_ name: String?, format: String?) throws(BlockError) {
    requireHeld(.graphMod, "change of the backing file's name")
    try request { (node: Node) throws(BlockError) in
      try node.driver.setBackingFile(name, format: format, of: node)
    }
  }

  /// Lets the child's image have nothing of its own, so that its backing file shows through everywhere.
  package func makeEmpty() throws(BlockError) {
    requirePermission("emptying")
    try request { (node: Node) throws(BlockError) in try node.driver.makeEmpty(node) }
  }

  /// Makes all that was written to the child, the image called `name`, durable at the end of the work on it: much of it is
  /// only written now, and an error of the system does not say where.
  ///
  /// - Throws: the error of writing or of the system, with the image's name.
  package func flush(named name: String) throws(BlockError) {
    try inFile(name, "Could not flush") { () throws(BlockError) in try flush() }
  }

  /// Lets a new image become a whole one, now that it has all of its content. The caller flushes.
  package func seal() throws(BlockError) {
    requirePermission("sealing")
    try request { (node: Node) throws(BlockError) in try (node.driver as? any FormatDriver)?.seal(node) }
  }

  /// Lets the child's driver forget what it knows of its image: others may have changed it. Nobody else may use the
  /// child meanwhile. Permissions stay as they are: making a node active is the graph's business.
  package func invalidateCache() throws(BlockError) {
    try request { (node: Node) throws(BlockError) in try node.driver.invalidateCache(node) }
  }

  /// Holds the files of the child's image against the digests that it comes with, where it does.
  ///
  /// - Throws: kind `corrupt`, naming the file that is another one.
  package func verifyContent(_ context: JobContext) throws(BlockError) {
    try request { (node: Node) throws(BlockError) in
      try (node.driver as? any VerifiableDriver)?.verifyContent(of: node, context)
    }
  }

  private func requireHeld(_ permission: Permissions, _ action: StaticString) {
    invariant(
      request.held.isSuperset(of: permission), "\(action) without permission by \(parent.parentDescription)")
  }
}
