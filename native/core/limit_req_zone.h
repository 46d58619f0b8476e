// A limit_req zone as one process sees it: the public face of native/core.
// The zone itself lives in shared memory that native/os maps; a LimitReqZone is this process's handle on that mapping
// (base, size, geometry copied at attach time, so that a corrupted header cannot mislead it later). It does not own the
// mapping: the caller keeps it mapped for as long as the handle is used. All functions may be called from any thread.
// Nothing here reads a clock: time is an argument, in whole milliseconds of CLOCK_MONOTONIC.

#ifndef SLUICE_CORE_LIMIT_REQ_ZONE_H_
#define SLUICE_CORE_LIMIT_REQ_ZONE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/zone_header.h"

namespace sluice {

// What Decide() returns when it is not a delay (>= 0); the same numbers as LIMIT_* in src/native/addon.ts.
constexpr int64_t kRejected = -1;      // excess above burst
constexpr int64_t kNotAccounted = -2;  // every key was empty or too long
constexpr int64_t kNoMemory = -3;      // no room for a node although everything evictable was evicted

constexpr int kMaxLimits = 16;           // limits of one location
constexpr size_t kMaxKeyLength = 65535;  // longer keys are skipped, as in nginx
// Largest rate, burst or delay in ticks (2^53): the sums of the arithmetic cannot overflow below it.
constexpr int64_t kMaxTicks = int64_t{1} << 53;
// Longest period of a rate, and longest window: some 280 years.
constexpr int64_t kMaxPeriodMs = (int64_t{1} << 43) - 1;

// Counters of a zone since it was formatted, over all processes and shards.
struct ZoneStats {
  uint64_t passed = 0;
  uint64_t delayed = 0;
  uint64_t rejected = 0;
  uint64_t delayed_dry_run = 0;
  uint64_t rejected_dry_run = 0;
  uint64_t nodes = 0;  // now, not since
  uint64_t evicted_idle = 0;
  uint64_t evicted_in_debt = 0;
  uint64_t allocation_failures = 0;
  uint64_t lock_spins = 0;
  uint64_t lock_sleeps = 0;
  uint64_t repairs = 0;
  uint64_t shards = 0;
};

class LimitReqZone {
 public:
  LimitReqZone() = default;
  LimitReqZone(const LimitReqZone&) = delete;
  LimitReqZone& operator=(const LimitReqZone&) = delete;

  // Writes a new, empty zone into `size` bytes of zeroed or stale shared memory at `base` (page-aligned). Nobody else
  // may use the memory yet. `key_text` is the unexpanded key of the directive; a reload compares it.
  ZoneStatus Format(void* base, size_t size, std::string_view name, std::string_view key_text);

  // The same for a zone that will take over from `older`, of which it has name and key.
  ZoneStatus FormatSuccessor(void* base, size_t size, const LimitReqZone& older);

  // Binds to a zone that some process formatted. Checks magic, layout version, size, name and geometry; the contents of
  // the shards are checked as they are used.
  ZoneStatus Attach(void* base, size_t size, std::string_view name);

  // What this zone keeps will move, or has moved, to `successor` (limit_req_move.h): whoever asks here is answered from
  // there as far as it has. False, and nothing has changed, if that is no zone made for it. REQUIRES: `successor` is
  // used as long as this handle is, and no other thread uses this one yet.
  bool SetSuccessor(LimitReqZone* successor);
  LimitReqZone* successor() const { return successor_; }
  // Once everything has moved: becomes a handle on the successor's memory, and needs its own no more. False if that is
  // still to come. REQUIRES: no other thread uses this handle.
  bool Follow();

  // To be called after process `pid` of this pid namespace has died: takes over the locks that it held and repairs what
  // it left half done. True if it died holding one, also when a waiter has recovered that lock in the meantime.
  bool ForceUnlock(pid_t pid);

  // Takes every lock, whoever seems to hold it, and repairs every shard. Only for a caller that knows to be alone, such
  // as the one that opens a zone's file. Charges from the future, which only damage can bring, become charges of now.
  void RecoverExclusive(int64_t now_ms);

  // A time of the zone that has been: of its second latest charge, since one may be damaged. REQUIRES: nobody uses it.
  int64_t LatestMs() const;

  // Relaxed snapshot, takes no lock. With those of the successor.
  ZoneStats Stats() const;

  // Walks tree, queues and slab of every shard under its lock; the text of the first broken invariant, or empty.
  std::string Check();

  // About how many keys of `key_length` bytes a zone of `size` bytes holds; 0 when not even one fits.
  static size_t Capacity(size_t size, size_t key_length);

  // Both live in the mapping and were written once, by Format.
  std::string_view name() const { return zone_.name(); }
  std::string_view key_text() const { return zone_.key_text(); }
  bool is_bound() const { return zone_.base != nullptr; }

  // For the code of native/core; see zone_layout.h.
  char* base() const { return zone_.base; }
  const ZoneGeometry& geometry() const { return zone_.geometry; }
  uint64_t uid() const { return zone_.uid; }
  ZoneClock& clock() const { return reinterpret_cast<ZoneHeader*>(zone_.base)->clock; }
  // A time of CLOCK_MONOTONIC in the zone's own time (zone_clock.h).
  int64_t TimeOf(int64_t now_ms) const {
    return static_cast<int64_t>(static_cast<uint64_t>(now_ms) + static_cast<uint64_t>(zone_.clock_offset_ms));
  }

 private:
  ZoneStatus FormatAfter(const ZoneBinding* older, void* base, size_t size, std::string_view name,
                         std::string_view key_text);

  ZoneBinding zone_;
  LimitReqZone* successor_ = nullptr;
};

// One limit of a location, in nginx's ticks (1 = 1/1000 request). 0 < rate, 0 <= burst, delay, cost; all at most
// kMaxTicks; a nodelay limit has delay = kMaxTicks. nginx knows rates in ticks per second and requests of cost 1 only.
struct LimitSpec {
  LimitReqZone* zone = nullptr;
  int64_t rate = 0;  // ticks in `period_ms`
  int64_t burst = 0;
  int64_t delay = 0;
  bool dry_run = false;      // decides only which counter of the zone is bumped
  int64_t period_ms = 1000;  // 1 to kMaxPeriodMs
  int64_t cost = 1000;       // as so many requests in one millisecond; 0 looks without charging
};

// The limit that decided: nginx's figures for the log line and for headers, and what else can be told from its bucket.
struct Decision {
  int64_t excess = 0;  // ticks; of a refused request what it would have been
  int32_t index = 0;   // in the list of limits
  // What the bucket owes after the decision, in ticks, from -1000 (as good as new) up.
  int64_t owed = 0;
  // The bucket of a refused request: ticks at its last charge, how long ago that was (below 0 if by a clock that is
  // ahead), and the ticks for which it had no room: of the request, and of those before it with the same bucket.
  int64_t charged = 0;
  int64_t elapsed_ms = 0;
  int64_t wanted = 0;
};

// When a decision is made: at a time, or by a clock, both in ms of CLOCK_MONOTONIC. A clock is read as late as
// possible: while it is, the memory that the decision needs comes into the cache, and what other processes decide has
// mostly been decided by then at an older time.
class Moment {
 public:
  Moment(int64_t now_ms) : now_ms_(now_ms) {}
  Moment(int64_t (*clock_ms)()) : clock_ms_(clock_ms) {}
  int64_t Ms() const { return clock_ms_ == nullptr ? now_ms_ : clock_ms_(); }

 private:
  int64_t now_ms_ = 0;
  int64_t (*clock_ms_)() = nullptr;
};

// Decides the `n` (<= kMaxLimits) limits of one location in one go, under all their locks: either every limit with a
// usable key is charged or none is. Same results as nginx's two passes. An empty key, or one above kMaxKeyLength, skips
// its limit. Returns the milliseconds to wait (>= 0) or one of the codes above; `decision` is filled for >= 0 and
// kRejected.
int64_t Decide(const LimitSpec* limits, const std::string_view* keys, int n, Moment moment, Decision* decision);

// What Decide would say of one limit. Charges, counts and moves nothing.
int64_t Peek(const LimitSpec& limit, std::string_view key, int64_t now_ms, Decision* decision);

// The first millisecond from now at which a request that `decision` refused would pass, if nobody else came; -1 if it
// never can.
int64_t RetryAfterMs(const LimitSpec& limit, const Decision& decision);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_ZONE_H_
