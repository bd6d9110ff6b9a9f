// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A step that a layer is about to take with the storage below it, and that requests do not tell: told to that storage
/// before the request itself, so that it can let the request fail. The names are `qemu-img`'s.
package enum BlockEvent: String, Sendable, CaseIterable {
  // Guest data.
  case readAIO = "read_aio"
  case readBackingAIO = "read_backing_aio"
  case readCompressed = "read_compressed"
  case writeAIO = "write_aio"
  case writeCompressed = "write_compressed"
  case cowRead = "cow_read"
  case cowWrite = "cow_write"
  case corWrite = "cor_write"
  case vmstateLoad = "vmstate_load"
  case vmstateSave = "vmstate_save"

  // Mapping tables.
  case l1Update = "l1_update"
  case l1GrowAllocTable = "l1_grow_alloc_table"
  case l1GrowWriteTable = "l1_grow_write_table"
  case l1GrowActivateTable = "l1_grow_activate_table"
  case l1ShrinkWriteTable = "l1_shrink_write_table"
  case l1ShrinkFreeL2Clusters = "l1_shrink_free_l2_clusters"
  case l2Load = "l2_load"
  case l2Update = "l2_update"
  case l2UpdateCompressed = "l2_update_compressed"
  case l2AllocCowRead = "l2_alloc_cow_read"
  case l2AllocWrite = "l2_alloc_write"
  case emptyImagePrepare = "empty_image_prepare"

  // Counts and space.
  case reftableLoad = "reftable_load"
  case reftableGrow = "reftable_grow"
  case reftableUpdate = "reftable_update"
  case refblockLoad = "refblock_load"
  case refblockUpdate = "refblock_update"
  case refblockUpdatePart = "refblock_update_part"
  case refblockAlloc = "refblock_alloc"
  case refblockAllocHookup = "refblock_alloc_hookup"
  case refblockAllocWrite = "refblock_alloc_write"
  case refblockAllocWriteBlocks = "refblock_alloc_write_blocks"
  case refblockAllocWriteTable = "refblock_alloc_write_table"
  case refblockAllocSwitchTable = "refblock_alloc_switch_table"
  case clusterAlloc = "cluster_alloc"
  case clusterAllocBytes = "cluster_alloc_bytes"
  case clusterAllocSpace = "cluster_alloc_space"
  case clusterFree = "cluster_free"

  // Requests as they arrive.
  case flushToOS = "flush_to_os"
  case flushToDisk = "flush_to_disk"
  case write = "pwritev"
  case writeZeroes = "pwritev_zero"
  case writeDone = "pwritev_done"
  case mergeHead = "pwritev_rmw_head"
  case mergeAfterHead = "pwritev_rmw_after_head"
  case mergeTail = "pwritev_rmw_tail"
  case mergeAfterTail = "pwritev_rmw_after_tail"

  /// Once, when the storage is opened.
  case none
}
