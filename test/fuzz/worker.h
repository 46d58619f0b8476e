// A process that uses the zones of a playground until it is killed.

#ifndef SLUICE_TEST_FUZZ_WORKER_H_
#define SLUICE_TEST_FUZZ_WORKER_H_

#include <cstdint>

#include "playground.h"

namespace sluice {
namespace fuzz {

// Never returns 0; another code says that a promise was broken.
enum WorkerFailure { kReleaseFailed = 2, kRefusedForMemory = 3 };

// `careful`: ends itself where a zone breaks a promise; not where the zones are damaged on purpose.
int Work(Playground& ground, Shared::Slot& slot, uint64_t seed, bool careful);

}  // namespace fuzz
}  // namespace sluice

#endif  // SLUICE_TEST_FUZZ_WORKER_H_
