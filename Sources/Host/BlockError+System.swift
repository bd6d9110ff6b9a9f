// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
internal import Glibc

extension BlockError {
  /// The error of a failed system call, in the system's own words.
  public init(system number: Int32) {
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

  /// What can be done where the system refuses.
  private static func advice(_ number: Int32) -> String? {
    switch number {
    case ENOSPC, EDQUOT:
      "Make room, or name a place on another file system; 'measure' tells how much is needed."
    case EACCES: "Ask its owner, or run the command as a user who may."
    default: nil
    }
  }

  /// Whether the system lacks the call for this file, so that another way must be taken.
  public var isUnsupportedCall: Bool {
    switch systemError {
    case EOPNOTSUPP, ENOSYS, ENOTTY, EINVAL, EXDEV, ENODEV, ESPIPE: true
    default: false
    }
  }
}
