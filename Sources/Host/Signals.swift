// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// What the user asks of a running job by signals.
public enum Signals {
  /// From now on SIGINT, SIGTERM and SIGHUP are noted instead of ending the process, and so is SIGUSR1.
  public static func note() { linux_note_signals() }

  /// From now on a file that would pass the size limit of the process is an error of the write (EFBIG), like any other,
  /// instead of ending the process.
  public static func reportFileSizeLimit() { linux_ignore_file_size_signal() }

  /// The number of the first terminating signal noted, or nil.
  public static var terminating: Int32? {
    let number = linux_noted_signal()
    return number == 0 ? nil : number
  }

  /// How many times a progress report was asked for (SIGUSR1).
  public static var progressRequests: UInt32 { linux_noted_requests() }
}
