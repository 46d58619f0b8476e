// Fetching a cache line that will be written, before it is needed.

#ifndef SLUICE_CORE_PREFETCH_H_
#define SLUICE_CORE_PREFETCH_H_

namespace sluice {

// Takes the line away from other CPUs at once. GCC's builtin does so only on CPUs that it was told of; else it fetches
// a line to read, and the first store to it waits once more for the CPU that had it. On an x86-64 CPU that does not
// know the instruction it does nothing.
inline void PrefetchForWrite(const void* address) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace sluice

#endif  // SLUICE_CORE_PREFETCH_H_
