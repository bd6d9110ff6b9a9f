// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "linux_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
const int LINUX_MOUNT_POINT = 1;
const int LINUX_TRAITS_KNOWN = 2;
const int LINUX_FIXED = 4;
const int LINUX_O_DIRECT = O_DIRECT;
const int LINUX_O_TMPFILE = O_TMPFILE;
const int LINUX_O_PATH = O_PATH;
#else
const int LINUX_MOUNT_POINT = 1;
const int LINUX_TRAITS_KNOWN = 2;
const int LINUX_FIXED = 4;
const int LINUX_O_DIRECT = 0;
const int LINUX_O_TMPFILE = 0;
const int LINUX_O_PATH = 0;
#endif

static int unsupported(void) {
  errno = EOPNOTSUPP;
  return -1;
}

int linux_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

int linux_open_at(int folder, const char *path, int flags) { return openat(folder, path, flags); }

off_t linux_seek_data(int fd, off_t offset) {
#ifdef SEEK_DATA
  return lseek(fd, offset, SEEK_DATA);
#else
  return unsupported();
#endif
}

off_t linux_seek_hole(int fd, off_t offset) {
#ifdef SEEK_HOLE
  return lseek(fd, offset, SEEK_HOLE);
#else
  return unsupported();
#endif
}

#ifdef __linux__

int linux_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length); }

int linux_fallocate_ahead(int fd, off_t offset, off_t length) {
  return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_punch_hole(int fd, off_t offset, off_t length) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_zero_range(int fd, off_t offset, off_t length, int may_unmap) {
  if (may_unmap && linux_punch_hole(fd, offset, length) == 0) return 0;
  return fallocate(fd, FALLOC_FL_ZERO_RANGE, offset, length);
}

int linux_begin_writeback(int fd, off_t offset, off_t length) {
  return sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

ssize_t linux_copy_file_range(int from, off_t from_offset, int to, off_t to_offset, size_t length) {
  return copy_file_range(from, &from_offset, to, &to_offset, length, 0);
}

int linux_block_size(int fd, uint64_t *bytes) { return ioctl(fd, BLKGETSIZE64, bytes); }

int linux_block_sector(int fd, uint32_t *bytes) {
  int size = 0;
  if (ioctl(fd, BLKSSZGET, &size) < 0) return -1;
  *bytes = (uint32_t)size;
  return 0;
}

int linux_block_discard(int fd, uint64_t offset, uint64_t length) {
  uint64_t range[2] = {offset, length};
  return ioctl(fd, BLKDISCARD, range);
}

int linux_block_zero(int fd, uint64_t offset, uint64_t length) {
  uint64_t range[2] = {offset, length};
  return ioctl(fd, BLKZEROOUT, range);
}

int linux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int linux_set_nocow(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return -1;
  flags |= FS_NOCOW_FL;
  return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int linux_set_extent_hint(int fd, uint32_t bytes) {
  struct fsxattr attributes;
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return -1;
  attributes.fsx_xflags |= FS_XFLAG_EXTSIZE;
  attributes.fsx_extsize = bytes;
  return ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
}

/// Through /proc, or with the capability that the direct way takes.
static int link_unnamed(int fd, const char *path) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  if (linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) return 0;
  if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return -1;
  int reason = errno;
  if (linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0) return 0;
  if (errno == ENOENT) errno = reason;
  return -1;
}

int linux_link_unnamed(int fd, const char *path) { return link_unnamed(fd, path); }

// The root is always there: that it is in the way is said only after everything else was found in order.
int linux_can_link_unnamed(int fd) { return link_unnamed(fd, "/") != 0 && errno == EEXIST; }

int linux_exchange(const char *one, const char *other) {
  return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

int linux_rename_to_free(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int linux_path_traits(const char *path) {
  struct statx found;
  if (statx(AT_FDCWD, path, 0, STATX_TYPE, &found) < 0) return -1;
  int traits = 0;
#ifdef STATX_ATTR_MOUNT_ROOT
  if (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) traits |= LINUX_TRAITS_KNOWN;
  if (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) traits |= LINUX_MOUNT_POINT;
#endif
  if (found.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) traits |= LINUX_FIXED;
  return traits;
}

int linux_may_act_as_owner(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return 0;
  return (data[0].effective & (1u << CAP_FOWNER)) != 0;
}

ssize_t linux_list_attributes(int fd, char *names, size_t size) { return flistxattr(fd, names, size); }
ssize_t linux_get_attribute(int fd, const char *name, void *value, size_t size) {
  return fgetxattr(fd, name, value, size);
}
int linux_set_attribute(int fd, const char *name, const void *value, size_t size) {
  return fsetxattr(fd, name, value, size, 0);
}
int linux_remove_attribute(int fd, const char *name) { return fremovexattr(fd, name); }

// Which of the flags are the user's; the others say how the file is stored.
static const unsigned user_flags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL |
                                   FS_NODUMP_FL | FS_NOATIME_FL | FS_NOCOMP_FL | FS_JOURNAL_DATA_FL | FS_NOTAIL_FL |
                                   FS_NOCOW_FL;

int linux_get_file_flags(int fd, uint32_t *flags) {
  int found = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &found) < 0) return -1;
  *flags = (uint32_t)found & user_flags;
  return 0;
}

int linux_set_file_flags(int fd, uint32_t flags) {
  int found = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &found) < 0) return -1;
  found = (int)(((uint32_t)found & ~user_flags) | flags);
  return ioctl(fd, FS_IOC_SETFLAGS, &found);
}

int linux_get_project(int fd, uint32_t *project) {
  struct fsxattr attributes;
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return -1;
  *project = attributes.fsx_projid;
  return 0;
}

int linux_set_project(int fd, uint32_t project) {
  struct fsxattr attributes;
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return -1;
  attributes.fsx_projid = project;
  return ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
}

// Measured: ext4 writes a third faster then, xfs and btrfs no faster or much slower.
int linux_writes_faster_into_allocated(int fd) {
  struct statfs found;
  return fstatfs(fd, &found) == 0 && (unsigned long)found.f_type == EXT4_SUPER_MAGIC;
}

// Compression and deduplication hide in the others. In a folder with a project's quota, the number is the quota's.
int linux_counts_plainly(const char *path) {
  struct statfs found;
  if (statfs(path, &found) < 0) return -1;
  switch ((unsigned long)found.f_type) {
  case EXT4_SUPER_MAGIC:
  case TMPFS_MAGIC:
  case XFS_SUPER_MAGIC:
  case MSDOS_SUPER_MAGIC: break;
  default: return 0;
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return 0;
  struct fsxattr attributes;
  int limited = ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0 && (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT);
  close(fd);
  return !limited;
}

#else

int linux_fallocate(int fd, off_t offset, off_t length) {
  int result = posix_fallocate(fd, offset, length);
  errno = result;
  return result == 0 ? 0 : -1;
}
int linux_fallocate_ahead(int fd, off_t offset, off_t length) { return unsupported(); }
int linux_punch_hole(int fd, off_t offset, off_t length) { return unsupported(); }
int linux_zero_range(int fd, off_t offset, off_t length, int may_unmap) { return unsupported(); }
int linux_begin_writeback(int fd, off_t offset, off_t length) { return unsupported(); }
ssize_t linux_copy_file_range(int from, off_t from_offset, int to, off_t to_offset, size_t length) {
  return unsupported();
}
int linux_block_size(int fd, uint64_t *bytes) { return unsupported(); }
int linux_block_sector(int fd, uint32_t *bytes) { return unsupported(); }
int linux_block_discard(int fd, uint64_t offset, uint64_t length) { return unsupported(); }
int linux_block_zero(int fd, uint64_t offset, uint64_t length) { return unsupported(); }
int linux_memory_file(const char *name) { return unsupported(); }
int linux_set_nocow(int fd) { return unsupported(); }
int linux_set_extent_hint(int fd, uint32_t bytes) { return unsupported(); }
int linux_link_unnamed(int fd, const char *path) { return unsupported(); }
int linux_can_link_unnamed(int fd) { return 0; }
int linux_exchange(const char *one, const char *other) { return unsupported(); }
int linux_rename_to_free(const char *from, const char *to) { return unsupported(); }
int linux_path_traits(const char *path) { return 0; }
int linux_may_act_as_owner(void) { return 0; }
ssize_t linux_list_attributes(int fd, char *names, size_t size) { return unsupported(); }
ssize_t linux_get_attribute(int fd, const char *name, void *value, size_t size) { return unsupported(); }
int linux_set_attribute(int fd, const char *name, const void *value, size_t size) { return unsupported(); }
int linux_remove_attribute(int fd, const char *name) { return unsupported(); }
int linux_get_file_flags(int fd, uint32_t *flags) { return unsupported(); }
int linux_set_file_flags(int fd, uint32_t flags) { return unsupported(); }
int linux_get_project(int fd, uint32_t *project) { return unsupported(); }
int linux_set_project(int fd, uint32_t project) { return unsupported(); }
int linux_counts_plainly(const char *path) { return 0; }
int linux_writes_faster_into_allocated(int fd) { return 0; }

#endif

static struct flock byte_range(off_t start, off_t length, int exclusive) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = exclusive ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

int linux_lock(int fd, off_t start, off_t length, int exclusive) {
#ifdef F_OFD_SETLK
  struct flock lock = byte_range(start, length, exclusive);
  return fcntl(fd, F_OFD_SETLK, &lock);
#else
  return unsupported();
#endif
}

int linux_unlock(int fd, off_t start, off_t length) {
#ifdef F_OFD_SETLK
  struct flock lock = byte_range(start, length, 0);
  lock.l_type = F_UNLCK;
  return fcntl(fd, F_OFD_SETLK, &lock);
#else
  return unsupported();
#endif
}

int linux_lock_test(int fd, off_t start, off_t length, int exclusive, int64_t *holder) {
#ifdef F_OFD_GETLK
  struct flock lock = byte_range(start, length, exclusive);
  if (fcntl(fd, F_OFD_GETLK, &lock) < 0) return -1;
  *holder = lock.l_pid;
  return lock.l_type == F_UNLCK ? 0 : 1;
#else
  return unsupported();
#endif
}

int linux_set_flags(int fd, int set, int clear) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -1;
  return fcntl(fd, F_SETFL, (flags | set) & ~clear);
}

void linux_return_blocks(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

int linux_is_ignored(int number) {
  struct sigaction action;
  if (sigaction(number, NULL, &action) != 0) return 0;
  return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN;
}

int linux_usable_processors(void) {
#ifdef __linux__
  // The kernel refuses a set that is smaller than its own.
  for (size_t bytes = 128; bytes <= 65536; bytes *= 2) {
    cpu_set_t *set = malloc(bytes);
    if (!set) return -1;
    int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : -1;
    free(set);
    if (count > 0) return count;
  }
#endif
  return -1;
}
