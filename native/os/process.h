// Descriptors and the process itself: close-on-exec, sessions, ignored signals.

#ifndef SLUICE_OS_PROCESS_H_
#define SLUICE_OS_PROCESS_H_

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

OsError IgnoreSignal(int signal);
OsError NewSession();

}  // namespace sluice

#endif  // SLUICE_OS_PROCESS_H_
