// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension Array {
  /// The index of the first element that `isBehind` holds for, of elements sorted so that it holds for all after it; the
  /// count where it holds for none.
  package func firstIndexSorted(_ isBehind: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
