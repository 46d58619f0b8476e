// Descriptors and the process itself: close-on-exec, sessions, ignored signals, limits, CPUs.

#ifndef SLUICE_OS_PROCESS_H_
#define SLUICE_OS_PROCESS_H_

#include <cstdint>
#include <vector>

#include "os/os_error.h"

namespace sluice {

// Sets close-on-exec on every open descriptor from `first` on: close_range, or a walk over /proc/self/fd where the
// kernel is older than 5.11.
OsError SetCloexecFrom(int first);
// The walk alone, reachable for tests on newer kernels.
OsError SetCloexecFromByProc(int first);

OsError SetCloexec(int fd, bool on);

// Lowest free descriptor, close-on-exec.
OsError Duplicate(int fd, int* copy);
OsError CloseDescriptor(int fd);
// Makes `target` a copy of `fd`, closing what it was, in one step: no other thread can get the number in between. Not
// close-on-exec.
OsError DuplicateTo(int fd, int target);

OsError IgnoreSignal(int signal);
OsError NewSession();

// Soft and hard limit of RLIMIT_NOFILE, RLIMIT_CORE or the like.
OsError SetResourceLimit(int resource, uint64_t value);
// The CPUs that every thread of the process, and those that it starts later, may run on. A number that no CPU has
// counts for nothing; EINVAL when nothing is left.
OsError SetCpuAffinity(const std::vector<int>& cpus);
// How a child has ended: by a signal, or (signal 0) with an exit code.
struct EndedChild {
  int pid;
  int code;
  int signal;
};
// Buries children that have ended, except those in `known`, which somebody else waits for. A known one that has ended
// and is not buried yet may hide others: call again when it is.
OsError BuryUnknownChildren(const std::vector<int>& known, std::vector<EndedChild>* ended);
// Lets the process dump core again, and its /proc files be its own, after its user was changed.
OsError SetDumpable();

}  // namespace sluice

#endif  // SLUICE_OS_PROCESS_H_
