// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Glibc

extension BlockError {
  /// The error of a failed system call, in the system's own words.
  package init(system number: Int32) {
    let kind: Kind =
      switch number {
      case ENOENT, ENXIO, ENODEV, ENOTDIR: .notFound
      case EEXIST: .alreadyExists
      case EACCES, EPERM: .accessDenied
      case EROFS, EBADF: .readOnly
      case EAGAIN, EBUSY, ETXTBSY: .conflict
      case ENOSPC, EDQUOT: .noSpace
      case EFBIG, EOVERFLOW, ENAMETOOLONG: .tooLarge
      case EOPNOTSUPP, ENOSYS, ENOTTY: .unsupported
      case EINVAL, EISDIR: .invalidArgument
      case EINTR: .interrupted
      default: .inputOutput
      }
    self.init(
      kind, unsafe String(cString: strerror(number)), advice: BlockError.advice(number), systemError: number)
  }

  /// `EPERM`, of an operation that the caller may not do.
  package static let notPermitted: Int32 = EPERM
  /// `EIO`, of a medium that fails.
  package static let mediumFailure: Int32 = EIO
  /// `EINVAL`, of a request that makes no sense.
  package static let senseless: Int32 = EINVAL

  /// The error of an operation that took too long.
  package static var timedOut: BlockError { BlockError(system: ETIMEDOUT) }

  /// The next step that the user can take where the system refuses.
  private static func advice(_ number: Int32) -> Advice? {
    switch number {
    case ENOSPC, EDQUOT:
      "Make room, or name a place on another file system; 'measure' tells how much is needed."
    case EFBIG: "Neither the file system nor the limit of this process ('ulimit -f') may be passed."
    case EACCES: "Ask its owner, or run the command as a user who may."
    default: nil
    }
  }

  /// Whether there is no more room for what a file lacks: the file system or device is full, or the file may not grow.
  package var isOutOfSpace: Bool { kind == .noSpace || systemError == EFBIG }

  /// The same error of asking for I/O past the page cache, which says so where that is what the file system lacks.
  var tellingOfDirect: BlockError {
    guard systemError == EINVAL else { return self }
    return BlockError(
      .unsupported, "filesystem does not support O_DIRECT",
      advice:
        "Choose a cache mode through the page cache, such as 'writeback' ('-t', '-T', 'cache.direct=off').",
      systemError: systemError)
  }

  /// Whether the system lacks the call for this file, so that another way must be taken.
  package var isUnsupportedCall: Bool {
    switch systemError {
    case EOPNOTSUPP, ENOSYS, ENOTTY, EINVAL, EXDEV, ENODEV, ESPIPE: true
    default: false
    }
  }
}
