// The second kind of node in a limit_req zone, the fixed window: hits are counted from a key's first one until the
// window's end, also beyond any limit. Whoever refuses is the caller; here nothing is decided. Stores of other limiters
// need it: they promise a count and a time of reset, which a bucket cannot honestly give.

#ifndef SLUICE_CORE_LIMIT_WINDOW_H_
#define SLUICE_CORE_LIMIT_WINDOW_H_

#include <cstdint>
#include <string_view>

#include "core/limit_req_zone.h"

namespace sluice {

struct WindowState {
  int64_t hits = 0;      // in the running window, at most kMaxTicks
  int64_t reset_ms = 0;  // until its end, at least 1; 0: no window is running
};

// A penalty for those who go on: from a hit that makes more than `above`, the window begins anew with its count, as
// long as ever, or twice as long with each hit that is one more too many.
struct WindowRestart {
  int64_t above = kMaxTicks;  // from 0
  bool doubles = false;
};

// Counts `cost` (0 to kMaxTicks) hits; a window of `window_ms` (1 to kMaxPeriodMs) begins if none is running.
// Returns 0; or kNotAccounted for an empty or too long key; or kNoMemory: then the state is that of a new window, which
// is not kept.
int64_t HitWindow(LimitReqZone* zone, std::string_view key, int64_t window_ms, int64_t cost,
                  const WindowRestart& restart, int64_t now_ms, WindowState* state);

// Takes hits back, never below 0. Without a running window nothing happens.
void DecrementWindow(LimitReqZone* zone, std::string_view key, int64_t cost, int64_t now_ms);

WindowState GetWindow(LimitReqZone* zone, std::string_view key, int64_t now_ms);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_WINDOW_H_
