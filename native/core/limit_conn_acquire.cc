// The decision: nginx's ngx_http_limit_conn_handler for all limits of a location in one critical section. The locks of
// all zones concerned are held, in one order for all processes, while limits are taken one after the other; when one
// refuses, those taken before it are given back before anybody else could see them.
// A process that dies in between leaves connections that are its own, and they are returned like all others it held.

#include <algorithm>

#include "core/crc32.h"
#include "core/limit_conn_view.h"

namespace sluice {
namespace {

bool IsUsable(std::string_view key) { return key.size() - 1 < kMaxConnKeyLength; }

// The zones of the limits with a usable key and their successors, each once, in the one order that all processes use.
class Locks {
 public:
  // False when there are too many.
  bool Add(LimitConnZone* zone) {
    for (; zone != nullptr; zone = zone->successor()) {
      int at = 0;
      while (at < count_ && zones_[at]->uid() < zone->uid()) ++at;
      if (at < count_ && zones_[at]->uid() == zone->uid()) continue;
      if (count_ == kMost) return false;
      for (int i = count_++; i > at; --i) zones_[i] = zones_[i - 1];
      zones_[at] = zone;
    }
    return true;
  }
  void Lock(RobustList& self) {
    for (int i = 0; i < count_; ++i) ConnView(zones_[i]).Lock(self);
  }
  void Unlock(RobustList& self) {
    for (int i = count_; i-- > 0;) ConnView(zones_[i]).Unlock(self);
  }

 private:
  static constexpr int kMost = kMaxConnLimits * kMaxConnZones;
  static_assert(kMost <= RobustList::kMaxHeld, "all are held at once");

  LimitConnZone* zones_[kMost];
  int count_ = 0;
};

// The zone that counts new connections.
LimitConnZone* OpenZoneLocked(LimitConnZone* zone) {
  while (ConnView(zone).IsClosedLocked()) zone = zone->successor();
  return zone;
}

// Takes one connection; `taken` gets the hold. 1 or a code.
int TakeLocked(const ConnLimit& limit, std::string_view key, const ProcessIdentity& me, ConnHold* taken) {
  const uint32_t hash = Crc32(key);
  // Held since before the zone was resized.
  uint64_t older = 0;
  LimitConnZone* zone = limit.zone;
  for (; ConnView(zone).IsClosedLocked(); zone = zone->successor()) {
    older += ConnView(zone).CountLocked(hash, key, kNil<ZoneNode>).connections;
  }
  ConnView view(zone);
  KeyCount count = view.CountLocked(hash, key, view.PresentOwnerLocked(me.pid));
  if (older + count.connections >= limit.connections) return kConnRejected;
  if (count.mine != nullptr) {
    view.IncrementLocked(count.mine);
  } else {
    const NodePtr owner = view.OwnerLocked(me);
    count.mine = owner ? view.InsertLocked(hash, key, owner) : nullptr;
    if (count.mine == nullptr) return kConnNoMemory;
  }
  *taken = {zone, view.LinkTo(count.mine), hash, zone->registration().serial};
  return 1;
}

void GiveBackLocked(const ConnHold& hold) {
  ConnView view(hold.zone);
  ConnShare* share = view.ShareLocked(hold.share, hold.hash, hold.zone->registration().owner);
  if (share != nullptr) view.DecrementLocked(share);
}

}  // namespace

int AcquireConnections(const ConnLimit* limits, const std::string_view* keys, int n, ConnHold* holds, int* index) {
  Locks locks;
  bool any = false;
  for (int i = 0; i < std::min(n, kMaxConnLimits); ++i) {
    if (!IsUsable(keys[i])) continue;
    if (!locks.Add(limits[i].zone)) {
      *index = i;
      return kConnNoMemory;
    }
    any = true;
  }
  if (!any) return kConnNotAccounted;

  RobustList& self = RobustList::Current();
  const ProcessIdentity& me = ProcessIdentity::Current(self);
  int taken = 0;
  int result = 1;
  locks.Lock(self);
  for (int i = 0; i < std::min(n, kMaxConnLimits); ++i) {
    if (!IsUsable(keys[i])) continue;
    result = TakeLocked(limits[i], keys[i], me, &holds[taken]);
    SLUICE_FAULT_POINT("conn.taken_one");
    ConnState* state = ConnView(OpenZoneLocked(limits[i].zone)).state();
    if (result < 0) {
      Bump(limits[i].dry_run ? state->rejected_dry_run : state->rejected);
      *index = i;
      break;
    }
    ++taken;
  }
  if (result < 0) {
    while (taken > 0) GiveBackLocked(holds[--taken]);
  } else {
    for (int i = 0; i < taken; ++i) Bump(ConnView(holds[i].zone).state()->passed);
  }
  locks.Unlock(self);
  return result < 0 ? result : taken;
}

}  // namespace sluice
