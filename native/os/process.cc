// close_range, fcntl, sigaction and setsid.

#include "os/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#ifndef SYS_close_range
#define SYS_close_range 436  // the same number on every architecture
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

namespace sluice {

OsError SetCloexecFrom(int first) {
  // Not the C library's wrapper: the binary shall load with one that has none.
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return {};
  if (errno != ENOSYS && errno != EINVAL && errno != EPERM) return LastError("close_range");
  return SetCloexecFromByProc(first);
}

OsError SetCloexecFromByProc(int first) {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return LastError("opendir(/proc/self/fd)");

  OsError result;
  while (result.ok()) {
    errno = 0;
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      if (errno != 0) result = LastError("readdir(/proc/self/fd)");
      break;
    }
    char* end;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (*end != '\0' || end == entry->d_name || fd < first) continue;
    result = SetCloexec(static_cast<int>(fd), true);
    // Another thread may have closed it since the directory was read.
    if (result.code == EBADF) result = {};
  }
  closedir(directory);
  return result;
}

OsError SetCloexec(int fd, bool on) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0) return LastError("fcntl(F_GETFD)");
  if (fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0) return LastError("fcntl(F_SETFD)");
  return {};
}

OsError Duplicate(int fd, int* copy) {
  *copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (*copy < 0) return LastError("dup");
  return {};
}

OsError CloseDescriptor(int fd) {
  // On EINTR Linux has closed the descriptor; trying again could close somebody else's.
  if (close(fd) < 0 && errno != EINTR) return LastError("close");
  return {};
}

OsError IgnoreSignal(int signal) {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  if (sigaction(signal, &action, nullptr) < 0) return LastError("sigaction");
  return {};
}

OsError NewSession() {
  if (setsid() < 0) return LastError("setsid");
  return {};
}

}  // namespace sluice
