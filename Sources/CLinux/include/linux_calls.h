// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// What Swift's C library module lacks: calls behind _GNU_SOURCE, ioctl numbers, variadic functions, unions of
// function pointers. Every function returns what the call returns and leaves errno as the call set it.

#pragma once

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Flags of linux_open beyond POSIX; 0 where the system lacks them.
extern const int LINUX_O_DIRECT;
extern const int LINUX_O_TMPFILE;

/// open(2) with a mode.
int linux_open(const char *path, int flags, mode_t mode);

/// lseek(2) with SEEK_DATA / SEEK_HOLE.
off_t linux_seek_data(int fd, off_t offset);
off_t linux_seek_hole(int fd, off_t offset);

/// fallocate(2): allocate, punch a hole, make a range zero.
int linux_fallocate(int fd, off_t offset, off_t length);
int linux_punch_hole(int fd, off_t offset, off_t length);
int linux_zero_range(int fd, off_t offset, off_t length, int may_unmap);

/// copy_file_range(2) between explicit offsets.
ssize_t linux_copy_file_range(int from, off_t from_offset, int to, off_t to_offset, size_t length);

/// memfd_create(2): a file in memory without a name, closed on exec.
int linux_memory_file(const char *name);

/// Open-file-description locks on one byte range. `exclusive` chooses a write lock.
/// linux_lock_test returns 1 and fills `holder` (a process id, or -1 where the system cannot tell) when
/// another open file description holds a conflicting lock, 0 when none does, -1 on error.
int linux_lock(int fd, off_t start, off_t length, int exclusive);
int linux_unlock(int fd, off_t start, off_t length);
int linux_lock_test(int fd, off_t start, off_t length, int exclusive, int64_t *holder);

/// Block devices: size and logical sector size in bytes; discard and zero a range. -1 with errno otherwise.
int linux_block_size(int fd, uint64_t *bytes);
int linux_block_sector(int fd, uint32_t *bytes);
int linux_block_discard(int fd, uint64_t offset, uint64_t length);
int linux_block_zero(int fd, uint64_t offset, uint64_t length);

/// Attributes of a fresh file: no copy-on-write below it, and the unit in bytes in which space is allocated.
int linux_set_nocow(int fd);
int linux_set_extent_hint(int fd, uint32_t bytes);

/// Adds or removes flags of an open file (F_SETFL).
int linux_set_flags(int fd, int set, int clear);

/// Gives an unnamed file (O_TMPFILE) its first name.
int linux_link_unnamed(int fd, const char *path);

/// How many processors the calling thread may run on, or -1 where the system does not tell.
int linux_usable_processors(void);

/// Whether a signal is ignored.
int linux_is_ignored(int number);

#ifdef __cplusplus
}
#endif
