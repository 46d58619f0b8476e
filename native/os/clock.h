// The clock of the limits: CLOCK_MONOTONIC in whole milliseconds, the same for all processes since boot. The COARSE
// clock would be cheaper, but has a resolution of 4 ms.

#ifndef SLUICE_OS_CLOCK_H_
#define SLUICE_OS_CLOCK_H_

#include <cstdint>
#include <ctime>

namespace sluice {

inline int64_t MonotonicMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace sluice

#endif  // SLUICE_OS_CLOCK_H_
