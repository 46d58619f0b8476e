// A counter in shared memory that only the owner of its lock writes and anybody may read, without the lock and without
// an atomic read-modify-write.

#ifndef SLUICE_CORE_COUNTER_H_
#define SLUICE_CORE_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace sluice {

using Counter = std::atomic<uint64_t>;

// REQUIRES: the counter's lock is held. Wraps around below zero with a negative `by`, as unsigned numbers do.
inline void Bump(Counter& counter, int64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint64_t>(by), std::memory_order_relaxed);
}

}  // namespace sluice

#endif  // SLUICE_CORE_COUNTER_H_
