// The clock of the limits: CLOCK_MONOTONIC in whole milliseconds, the same for all processes since boot. The COARSE
// clock would be cheaper, but has a resolution of 4 ms. And what is needed to carry its time over a reboot.

#ifndef SLUICE_OS_CLOCK_H_
#define SLUICE_OS_CLOCK_H_

#include <cstdint>
#include <ctime>

namespace sluice {

inline int64_t ClockMs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

inline int64_t MonotonicMs() { return ClockMs(CLOCK_MONOTONIC); }

// One moment by both clocks, and the boot to which the monotonic one belongs.
struct ClockReading {
  uint64_t boot[2] = {0, 0};  // the kernel's random id of this boot; 0 where /proc is not mounted
  int64_t monotonic_ms = 0;
  int64_t wall_ms = 0;  // since 1970
};

ClockReading ReadClocks();

}  // namespace sluice

#endif  // SLUICE_OS_CLOCK_H_
