// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// Why something could not be done to an image.
public struct ImageError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure in stable words, such as `not-found`, `corrupt`, `no-space` or `interrupted`.
  public let kind: String
  /// The whole sentence, from the operation down to the finding: `Could not open 'x': …`.
  public let message: String
  /// The next step that the user can take, where one is known.
  public let advice: String?

  init(_ error: BlockError) {
    kind = error.kind.rawValue
    message = error.message
    advice = error.hint ?? error.advice?.text(about: error.subject)
  }

  /// The message.
  public var description: String { message }
}

/// Runs `body` and lets its error be one of this module.
func publicly<Result: ~Copyable>(_ body: () throws(BlockError) -> Result) throws(ImageError) -> Result {
  do throws(BlockError) {
    return try body()
  } catch {
    throw ImageError(error)
  }
}
