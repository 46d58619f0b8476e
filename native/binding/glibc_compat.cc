// Functions to which a newer glibc gives a newer version, so that an addon built there would not load with glibc 2.28,
// the oldest that Node 20 runs on. (stat and its kin became symbols of their own in 2.33, pthread_sigmask moved
// in 2.32.) The kernel's struct stat is glibc's on the 64-bit systems that we build for.

// Or <sys/stat.h> would rename fstat to fstat64, which is defined here as well.
#undef _FILE_OFFSET_BITS

#include <features.h>

#ifdef __GLIBC__

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static_assert(sizeof(struct stat) == sizeof(struct stat64) && sizeof(long) == 8, "64-bit systems only");

namespace {

int StatAt(int fd, const char* path, void* info, int flags) {
  return static_cast<int>(syscall(SYS_newfstatat, fd, path, info, flags));
}

}  // namespace

extern "C" {

int stat(const char* path, struct stat* info) noexcept { return StatAt(AT_FDCWD, path, info, 0); }
int stat64(const char* path, struct stat64* info) noexcept { return StatAt(AT_FDCWD, path, info, 0); }
int lstat(const char* path, struct stat* info) noexcept { return StatAt(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW); }
int lstat64(const char* path, struct stat64* info) noexcept {
  return StatAt(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}
int fstat(int fd, struct stat* info) noexcept { return static_cast<int>(syscall(SYS_fstat, fd, info)); }
int fstat64(int fd, struct stat64* info) noexcept { return static_cast<int>(syscall(SYS_fstat, fd, info)); }
int fstatat(int fd, const char* path, struct stat* info, int flags) noexcept { return StatAt(fd, path, info, flags); }
int fstatat64(int fd, const char* path, struct stat64* info, int flags) noexcept {
  return StatAt(fd, path, info, flags);
}

// With Linux a mask is the calling thread's, by either name.
int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  return sigprocmask(how, set, before) == 0 ? 0 : errno;
}

}  // extern "C"

#endif  // __GLIBC__
