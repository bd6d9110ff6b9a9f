// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport

/// Called by libFuzzer before anything else.
@_cdecl("LLVMFuzzerInitialize")
func initialize(_ count: UnsafeMutableRawPointer?, _ words: UnsafeMutableRawPointer?) -> CInt {
  ReadOnlyTarget.initialize()
}

/// Called by libFuzzer for each input.
@_cdecl("LLVMFuzzerTestOneInput")
func test(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe ReadOnlyTarget.test(bytes, count)
}
