// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BochsFormat
internal import CloopFormat
internal import DmgFormat
internal import FileProtocol
internal import Filters
internal import LuksFormat
internal import NBDProtocol
internal import NullProtocol
internal import OvaFormat
internal import ParallelsFormat
internal import Qcow2Format
internal import QcowFormat
internal import QedFormat
internal import RawFormat
internal import VdiFormat
internal import VmdkFormat
internal import VpcFormat
internal import VhdxFormat

/// Every driver of the suite.
package enum Drivers {
  /// Storage first, then formats, then filters.
  package static let all: [any DriverKind] =
    [FileStorage.file, FileStorage.device, NBDStorage()] + NullStorage.all
    + [
      RawFormat(), Qcow2Format(), VdiFormat(), QedFormat(), ParallelsFormat(), VpcFormat(), VhdxFormat(),
      VmdkFormat(), QcowFormat(), BochsFormat(), CloopFormat(), DmgFormat(), OvaFormat(), OvfFormat(),
      LuksFormat(),
    ]
    + [
      CopyOnReadFilter(), CopyBeforeWriteFilter(), ThrottleFilter(), QuorumFilter(), BlkverifyFilter(),
      BlkdebugFilter(), PreallocateFilter(), CompressFilter(), BlklogwritesFilter(),
    ]

  /// The format of an image that is made, where nobody states one.
  package static let unstatedFormat = RawFormat().name
}
