// Who a process is, in a form that others can check after its death: its id alone may be another's by then, id and
// start time together are not.

#ifndef SLUICE_CORE_PROCESS_IDENTITY_H_
#define SLUICE_CORE_PROCESS_IDENTITY_H_

#include <cstdint>

#include "core/robust_list.h"

namespace sluice {

struct ProcessIdentity {
  uint32_t pid = 0;
  uint32_t pid_namespace = 0;  // the tag of RobustList::owner; 0 = unknown
  uint64_t start_ticks = 0;    // since boot, as in /proc/PID/stat; 0 = unknown

  // The calling process's. Read from /proc once in each thread, and again after a fork: not for use under a lock, but
  // the next call after it is.
  static const ProcessIdentity& Current(const RobustList& self);

  // Whether that process exists no more, or only as a zombie. False when in doubt: another namespace, no /proc.
  bool IsGone(const RobustList& self) const;
};

}  // namespace sluice

#endif  // SLUICE_CORE_PROCESS_IDENTITY_H_
