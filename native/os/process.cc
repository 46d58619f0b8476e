// close_range, fcntl, dup, sigaction, setsid, setrlimit, sched_setaffinity, waitid and prctl.

#include "os/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
namespace {

// Calls visit(number) for every entry of a folder of /proc whose name is a number, until one fails.
template <typename Visit>
OsError ForEachNumber(const char* folder, const char* call, Visit visit) {
  DIR* directory = opendir(folder);
  if (directory == nullptr) return LastError(call);

  OsError result;
  while (result.ok()) {
    errno = 0;
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      if (errno != 0) result = LastError(call);
      break;
    }
    char* end;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (*end == '\0' && end != entry->d_name) result = visit(static_cast<int>(number));
  }
  closedir(directory);
  return result;
}

}  // namespace

OsError SetCloexecFrom(int first) {
  // Not the C library's wrapper: the binary shall load with one that has none.
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return {};
  if (errno != ENOSYS && errno != EINVAL && errno != EPERM) return LastError("close_range");
  return SetCloexecFromByProc(first);
}

OsError SetCloexecFromByProc(int first) {
  return ForEachNumber("/proc/self/fd", "readdir(/proc/self/fd)", [first](int fd) -> OsError {
    if (fd < first) return {};
    const OsError error = SetCloexec(fd, true);
    // Another thread may have closed it since the directory was read.
    return error.code == EBADF ? OsError{} : error;
  });
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

OsError DuplicateTo(int fd, int target) {
  int code;
  do {
    code = dup2(fd, target);
  } while (code < 0 && errno == EINTR);
  if (code < 0) return LastError("dup2");
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

OsError SetResourceLimit(int resource, uint64_t value) {
  const rlimit limit = {value, value};
  // An enumeration with glibc, an int with musl.
  using Resource = decltype(RLIMIT_NOFILE);
  if (setrlimit(static_cast<Resource>(resource), &limit) < 0) return LastError("setrlimit");
  return {};
}

OsError SetCpuAffinity(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  // Linux keeps one mask per thread, and Node has started its own by now.
  return ForEachNumber("/proc/self/task", "readdir(/proc/self/task)", [&set](int thread) -> OsError {
    if (sched_setaffinity(thread, sizeof set, &set) == 0 || errno == ESRCH) return {};
    return LastError("sched_setaffinity");
  });
}

OsError BuryUnknownChildren(const std::vector<int>& known, std::vector<EndedChild>* ended) {
  for (;;) {
    siginfo_t info = {};
    // Only looking: a child of libuv's that is buried by us would never end for it.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
      if (errno == EINTR) continue;
      return errno == ECHILD ? OsError{} : LastError("waitid");
    }
    if (info.si_pid == 0 || std::find(known.begin(), known.end(), info.si_pid) != known.end()) return {};
    if (waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG) < 0) return LastError("waitid");
    const bool exited = info.si_code == CLD_EXITED;
    ended->push_back({info.si_pid, exited ? info.si_status : 0, exited ? 0 : info.si_status});
  }
}

OsError SetDumpable() {
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return LastError("prctl(PR_SET_DUMPABLE)");
  return {};
}

}  // namespace sluice
