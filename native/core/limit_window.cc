// See limit_window.h. A hit in a known window is one store (StorePair), so a death leaves it counted or not.

#include "core/limit_window.h"

#include <algorithm>

#include "core/crc32.h"
#include "core/limit_req_shard.h"

namespace sluice {
namespace {

// The shard of one key, locked.
class LockedKey {
 public:
  LockedKey(LimitReqZone* zone, std::string_view key)
      : key_(key), hash_(Crc32(key)), self_(RobustList::Current()), view_(zone, hash_, ShardView::kByHash) {
    view_.Prefetch(hash_);
    view_.LockShardOf(hash_, self_);
  }
  ~LockedKey() { view_.Unlock(self_); }
  LockedKey(const LockedKey&) = delete;
  LockedKey& operator=(const LockedKey&) = delete;

  LimitReqNode* Find() { return view_.FindLocked(ZoneNode::kWindow, hash_, key_).node; }
  void Touch(LimitReqNode* node) { view_.TouchLocked(node); }
  bool Insert(int64_t stamp, int64_t hits, int64_t now_ms) {
    return view_.InsertLocked(ZoneNode::kWindow, hash_, key_, stamp, hits, now_ms, nullptr, 0) != nullptr;
  }
  Shard* shard() { return view_.shard(); }
  // In the time of the zone that has the key.
  int64_t TimeOf(int64_t now_ms) const { return view_.zone()->TimeOf(now_ms); }

 private:
  std::string_view key_;
  uint32_t hash_;
  RobustList& self_;
  ShardView view_;
};

bool IsUsable(std::string_view key) { return key.size() - 1 < kMaxKeyLength; }

bool IsRunning(const LimitReqNode* node, int64_t now_ms) { return node != nullptr && now_ms < node->time(); }

int64_t StampOf(int64_t end_ms, int64_t length_ms) { return MakeStamp(end_ms, LengthCode(length_ms)); }

WindowState StateOf(const LimitReqNode* node, int64_t now_ms) {
  return {std::min(BoundedAmount(node->hits), kMaxTicks), node->time() - now_ms};
}

// How long a window runs from the hit that makes `hits`; 0: it runs on.
int64_t RestartedMs(const WindowRestart& restart, int64_t window_ms, int64_t hits) {
  if (hits <= restart.above) return 0;
  const int64_t doublings = restart.doubles ? hits - restart.above - 1 : 0;
  return doublings > 42 || window_ms > kMaxPeriodMs >> doublings ? kMaxPeriodMs : window_ms << doublings;
}

}  // namespace

int64_t HitWindow(LimitReqZone* zone, std::string_view key, int64_t window_ms, int64_t cost,
                  const WindowRestart& restart, int64_t now_ms, WindowState* state) {
  *state = {0, window_ms};
  if (!IsUsable(key)) return kNotAccounted;
  LockedKey locked(zone, key);
  now_ms = locked.TimeOf(now_ms);
  LimitReqNode* node = locked.Find();
  *state = IsRunning(node, now_ms) ? StateOf(node, now_ms) : WindowState{0, window_ms};
  state->hits = std::min(state->hits + cost, kMaxTicks);
  if (const int64_t ms = RestartedMs(restart, window_ms, state->hits); ms > 0) state->reset_ms = ms;
  const int64_t end_ms = now_ms + state->reset_ms;
  if (node == nullptr) {
    if (!locked.Insert(StampOf(end_ms, state->reset_ms), state->hits, now_ms)) return kNoMemory;
    Bump(locked.shard()->passed);
    return 0;
  }
  locked.Touch(node);
  StorePair(node, StampOf(end_ms, state->reset_ms), state->hits);
  SLUICE_FAULT_POINT("window.counted");
  Bump(locked.shard()->passed);
  return 0;
}

void DecrementWindow(LimitReqZone* zone, std::string_view key, int64_t cost, int64_t now_ms) {
  if (!IsUsable(key)) return;
  LockedKey locked(zone, key);
  now_ms = locked.TimeOf(now_ms);
  LimitReqNode* node = locked.Find();
  if (!IsRunning(node, now_ms)) return;
  StorePair(node, node->stamp, std::max(int64_t{0}, StateOf(node, now_ms).hits - cost));
  SLUICE_FAULT_POINT("window.decremented");
}

WindowState GetWindow(LimitReqZone* zone, std::string_view key, int64_t now_ms) {
  if (!IsUsable(key)) return {};
  LockedKey locked(zone, key);
  now_ms = locked.TimeOf(now_ms);
  const LimitReqNode* node = locked.Find();
  return IsRunning(node, now_ms) ? StateOf(node, now_ms) : WindowState();
}

}  // namespace sluice
