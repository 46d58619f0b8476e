// Counting fault points; see fault_point.h. Empty outside test builds.

#include "core/fault_point.h"

#ifdef SLUICE_FAULT_POINTS

#include <signal.h>
#include <unistd.h>

#include <cstring>

namespace sluice {
namespace {
// Per thread: a test arms its own thread and nobody else's.
thread_local int armed_at = 0;
thread_local int crossings = 0;
thread_local const char* armed_name = nullptr;  // nullptr: whatever its name
thread_local void (*on_dying)(const char* name) = nullptr;
}  // namespace

void ArmFaultPoint(int crossing) { ArmFaultPointOf(nullptr, crossing, nullptr); }

void ArmFaultPointOf(const char* name, int crossing, void (*dying)(const char* name)) {
  armed_name = name;
  on_dying = dying;
  armed_at = crossing;
  crossings = 0;
}

int FaultPointCrossings() { return crossings; }

void CrossFaultPoint(const char* name) {
  if (armed_name != nullptr && strcmp(armed_name, name) != 0) return;
  if (++crossings != armed_at) return;
  if (on_dying != nullptr) on_dying(name);
  // SIGKILL: nothing of this process runs any more, no handler, no destructor, no unlock.
  kill(getpid(), SIGKILL);
}

}  // namespace sluice

#endif  // SLUICE_FAULT_POINTS
