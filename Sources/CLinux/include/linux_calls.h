// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The calls that Swift's C library module lacks: those behind _GNU_SOURCE, ioctl numbers, variadic functions, unions of
// function pointers. Every function returns what the call returns and leaves errno as the call set it.

#pragma once

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Whether two areas hold the same bytes, in the C library's fastest way.
static inline _Bool linux_equal(const void *one, const void *other, size_t count) {
  return memcmp(one, other, count) == 0;
}

/// Fills an area with zeros; as fast in a build without optimization.
static inline void linux_clear(void *area, size_t count) {
  memset(area, 0, count);
}

/// Flags of linux_open beyond POSIX; 0 where the system lacks them.
extern const int LINUX_O_DIRECT;
extern const int LINUX_O_TMPFILE;
extern const int LINUX_O_PATH;

/// open(2) with a mode.
int linux_open(const char *path, int flags, mode_t mode);

/// openat(2), which makes no file.
int linux_open_at(int folder, const char *path, int flags);

/// lseek(2) with SEEK_DATA / SEEK_HOLE.
off_t linux_seek_data(int fd, off_t offset);
off_t linux_seek_hole(int fd, off_t offset);

/// fallocate(2): allocate, also without growing the file; punch a hole, make a range zero.
int linux_fallocate(int fd, off_t offset, off_t length);
int linux_fallocate_ahead(int fd, off_t offset, off_t length);
int linux_punch_hole(int fd, off_t offset, off_t length);
int linux_zero_range(int fd, off_t offset, off_t length, int may_unmap);

/// sync_file_range(2) that only begins: the range is on its way to the disk, and nobody has waited for it.
int linux_begin_writeback(int fd, off_t offset, off_t length);

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

/// Gives an unnamed file (O_TMPFILE) its first name; whether that is possible here, which it is not for everybody
/// where there is no /proc.
int linux_link_unnamed(int fd, const char *path);
int linux_can_link_unnamed(int fd);

/// renameat2(2): exchanges two names; gives a file another name unless something has it.
int linux_exchange(const char *one, const char *other);
int linux_rename_to_free(const char *from, const char *to);

/// Bits of linux_path_traits.
extern const int LINUX_MOUNT_POINT;
extern const int LINUX_TRAITS_KNOWN;
extern const int LINUX_FIXED;

/// The obstacles to changing the directory entry `path` or, of a folder, those in it: whether something is mounted
/// on it (unless the second bit is set, the system does not tell), and whether it is immutable or append-only.
/// -1 on error.
int linux_path_traits(const char *path);

/// Whether the process may act on files as their owner may (CAP_FOWNER).
int linux_may_act_as_owner(void);

/// Extended attributes of an open file: flistxattr(2), fgetxattr(2), fsetxattr(2), fremovexattr(2).
ssize_t linux_list_attributes(int fd, char *names, size_t size);
ssize_t linux_get_attribute(int fd, const char *name, void *value, size_t size);
int linux_set_attribute(int fd, const char *name, const void *value, size_t size);
int linux_remove_attribute(int fd, const char *name);

/// Flags of a file that users may set (chattr), and the id of its project; set leaves all others as they are.
int linux_get_file_flags(int fd, uint32_t *flags);
int linux_set_file_flags(int fd, uint32_t flags);
int linux_get_project(int fd, uint32_t *project);
int linux_set_project(int fd, uint32_t project);

/// The facts known of the file system at `path`: 1 where files take what is written to them and its number of free
/// blocks holds for everybody, 0 otherwise, -1 on error.
int linux_counts_plainly(const char *path);

/// Whether the file system of an open file writes faster where space is allocated already.
int linux_writes_faster_into_allocated(int fd);

/// How many processors the calling thread may run on, or -1 where the system does not tell.
int linux_usable_processors(void);

/// From now on, blocks of memory of so many bytes go back to the system when they are given up, whatever thread took them.
void linux_return_blocks(int bytes);

/// Whether a signal is ignored.
int linux_is_ignored(int number);

#ifdef __cplusplus
}
#endif
