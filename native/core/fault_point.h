// Places inside a lock where tests let a process die. In test builds (SLUICE_FAULT_POINTS) every SLUICE_FAULT_POINT
// that execution crosses counts one, and the process kills itself at the crossing it was told; elsewhere they are
// nothing. The barrier in both builds: stores around a fault point stay on their side of it, because a process that
// dies leaves what it had stored up to then, and repair relies on that order. (Only the compiler could change it: the
// next owner of the lock comes after the kernel has noticed the death, and sees every store that the dead thread had
// retired.)

#ifndef SLUICE_CORE_FAULT_POINT_H_
#define SLUICE_CORE_FAULT_POINT_H_

#include <atomic>

#ifdef SLUICE_FAULT_POINTS

namespace sluice {
// Arms the calling process: it dies by SIGKILL at crossing number `crossing` (1 = the next). 0 disarms.
void ArmFaultPoint(int crossing);
// The same at crossing number `crossing` of the points of this name; `dying` is called first.
void ArmFaultPointOf(const char* name, int crossing, void (*dying)(const char* name));
// Crossings since the last ArmFaultPoint.
int FaultPointCrossings();
void CrossFaultPoint(const char* name);
}  // namespace sluice

#define SLUICE_FAULT_POINT(name)                         \
  do {                                                   \
    std::atomic_signal_fence(std::memory_order_seq_cst); \
    ::sluice::CrossFaultPoint(name);                     \
    std::atomic_signal_fence(std::memory_order_seq_cst); \
  } while (false)

#else

#define SLUICE_FAULT_POINT(name) std::atomic_signal_fence(std::memory_order_seq_cst)

#endif  // SLUICE_FAULT_POINTS

#endif  // SLUICE_CORE_FAULT_POINT_H_
