// Random bits of living zones are turned over while processes use them. They may refuse, repair and forget, but not
// crash and not hang.

#ifndef SLUICE_TEST_FUZZ_FLIPS_H_
#define SLUICE_TEST_FUZZ_FLIPS_H_

#include <cstdint>
#include <string>

namespace sluice {
namespace fuzz {

// For so long; what went wrong, or empty. `flips` gets their number.
std::string FlipWords(int64_t ms, uint64_t seed, uint64_t* flips);

}  // namespace fuzz
}  // namespace sluice

#endif  // SLUICE_TEST_FUZZ_FLIPS_H_
