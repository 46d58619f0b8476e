// Counting fault points; see fault_point.h. Empty outside test builds.

#include "core/fault_point.h"

#ifdef SLUICE_FAULT_POINTS

#include <signal.h>
#include <unistd.h>

namespace sluice {
namespace {
// Per thread: a test arms its own thread and nobody else's.
thread_local int armed_at = 0;
thread_local int crossings = 0;
}  // namespace

void ArmFaultPoint(int crossing) {
  armed_at = crossing;
  crossings = 0;
}

int FaultPointCrossings() { return crossings; }

void CrossFaultPoint(const char* /*name*/) {
  // SIGKILL: nothing of this process runs any more, no handler, no destructor, no unlock.
  if (++crossings == armed_at) kill(getpid(), SIGKILL);
}

}  // namespace sluice

#endif  // SLUICE_FAULT_POINTS
