// Creating, attaching and looking after a limit_conn zone; deciding is in limit_conn_acquire.cc.

#include "core/limit_conn_zone.h"

#include <vector>

#include "core/limit_conn_view.h"

namespace sluice {
namespace {

// Shares that are returned under one lock: others want to get at it in between.
constexpr int kReturnBatch = 64;

// Owners that ReturnDead asks the system about. There are some dozens.
constexpr size_t kMostOwners = 65536;

// Which owners are meant: those of a process, or one of them.
struct OwnerName {
  uint32_t pid;
  uint32_t pid_namespace;
  uint32_t serial;  // 0 = any

  bool operator==(const ConnOwner& owner) const {
    return owner.process.pid == pid && owner.process.pid_namespace == pid_namespace &&
           (serial == 0 || owner.serial == serial);
  }
};

// Returns all that these owners hold, and forgets them.
uint64_t ReturnAll(ConnView& view, RobustList& self, const OwnerName& name) {
  uint64_t returned = 0;
  for (;;) {
    view.Lock(self);
    const NodePtr owner = view.FindOwnerLocked([&name](const ConnOwner& found) { return name == found; });
    if (owner) returned += view.ReturnLocked(owner, kReturnBatch);
    view.Unlock(self);
    if (!owner) return returned;
  }
}

uint64_t CountReturned(ConnView& view, RobustList& self, uint64_t returned) {
  if (returned == 0) return 0;
  view.Lock(self);
  Bump(view.state()->returned, static_cast<int64_t>(returned));
  view.Unlock(self);
  return returned;
}

}  // namespace

ZoneStatus LimitConnZone::Format(void* base, size_t size, std::string_view name, std::string_view key_text) {
  return FormatAfter(nullptr, base, size, name, key_text);
}

ZoneStatus LimitConnZone::FormatSuccessor(void* base, size_t size, const LimitConnZone& older) {
  return FormatAfter(&older.zone_, base, size, older.name(), older.key_text());
}

ZoneStatus LimitConnZone::FormatAfter(const ZoneBinding* older, void* base, size_t size, std::string_view name,
                                      std::string_view key_text) {
  Detach();
  const ZoneStatus status = BeginZone(kLimitConnFormat, base, size, name, key_text, older, &zone_);
  if (status != ZoneStatus::kOk) return status;
  ConnView(this).FormatLocked();
  PublishZone(kLimitConnFormat, zone_);
  return ZoneStatus::kOk;
}

ZoneStatus LimitConnZone::Attach(void* base, size_t size, std::string_view name) {
  Detach();
  return OpenZone(kLimitConnFormat, base, size, name, &zone_);
}

bool LimitConnZone::SetSuccessor(LimitConnZone* successor) {
  // The larger uid: a zone's lock is taken before its successor's.
  if (successor->uid() <= uid() || successor->name() != name() || successor->key_text() != key_text()) return false;
  successor_ = successor;
  return true;
}

void LimitConnZone::Close() {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  view.Lock(self);
  ConnView next(successor_);
  next.Lock(self);
  view.state()->closed = SuccessorMark(successor_->uid());
  SLUICE_FAULT_POINT("conn.closed");
  // What was counted belongs to the zone, not to its memory.
  const auto move = [](Counter& to, Counter& from) {
    Bump(to, static_cast<int64_t>(from.exchange(0, std::memory_order_relaxed)));
  };
  move(next.state()->passed, view.state()->passed);
  move(next.state()->rejected, view.state()->rejected);
  move(next.state()->rejected_dry_run, view.state()->rejected_dry_run);
  move(next.state()->allocation_failures, view.state()->allocation_failures);
  move(next.state()->returned, view.state()->returned);
  move(next.state()->repairs, view.state()->repairs);
  next.Unlock(self);
  view.Unlock(self);
}

bool LimitConnZone::IsDrained() {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  view.Lock(self);
  const bool drained = view.IsClosedLocked() && view.state()->connections.load(std::memory_order_relaxed) == 0;
  view.Unlock(self);
  return drained;
}

bool LimitConnZone::Follow() {
  if (successor_ == nullptr || !IsDrained()) return false;
  // An owner of nothing is left.
  Detach();
  zone_ = successor_->zone_;
  successor_ = successor_->successor_;
  return true;
}

void LimitConnZone::Detach() {
  if (registration_.serial != 0) {
    RobustList& self = RobustList::Current();
    // A child that inherited the handle does not own what its parent holds.
    if (registration_.pid == LockPid(self.owner())) {
      ConnView view(this);
      ReturnAll(view, self, {registration_.pid, LockNamespace(self.owner()), registration_.serial});
    }
    registration_ = {};
  }
  zone_ = {};
}

bool LimitConnZone::Release(const ConnHold& hold) {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  view.Lock(self);
  const NodePtr owner = view.PresentOwnerLocked(LockPid(self.owner()));
  ConnShare* share = nullptr;
  if (owner && registration_.serial == hold.owner_serial) share = view.ShareLocked(hold.share, hold.hash, owner);
  if (share != nullptr) view.DecrementLocked(share);
  view.Unlock(self);
  return share != nullptr;
}

bool LimitConnZone::ForceUnlock(pid_t pid) {
  ConnView view(this);
  Shmtx& mutex = view.state()->mutex;
  if (!mutex.TakeOver(pid)) return mutex.ForgetRecovered(pid);
  view.AfterTakeOverLocked();
  mutex.Unlock();
  return true;
}

uint64_t LimitConnZone::ReturnHolds(pid_t pid) {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  const OwnerName name = {static_cast<uint32_t>(pid), LockNamespace(self.owner()), 0};
  return CountReturned(view, self, ReturnAll(view, self, name));
}

uint64_t LimitConnZone::ReturnDead() {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  // The system is asked without the lock. Whoever registers meanwhile is alive.
  struct Known {
    uint32_t serial;
    ProcessIdentity process;
  };
  std::vector<Known> known;
  bool complete = false;
  for (size_t room = 64; !complete && room <= kMostOwners; room *= 2) {
    known.clear();
    known.reserve(room);
    view.Lock(self);
    const NodePtr left = view.FindOwnerLocked([&known](const ConnOwner& owner) {
      if (known.size() == known.capacity()) return true;
      known.push_back({owner.serial, owner.process});
      return false;
    });
    view.Unlock(self);
    complete = !left;
  }
  uint64_t returned = 0;
  for (const Known& owner : known) {
    if (!owner.process.IsGone(self)) continue;
    returned += ReturnAll(view, self, {owner.process.pid, owner.process.pid_namespace, owner.serial});
  }
  return CountReturned(view, self, returned);
}

ConnZoneStats LimitConnZone::Stats() const {
  const auto load = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  const ConnState& state = *reinterpret_cast<const ConnState*>(base() + geometry().ShardOffset(0));
  ConnZoneStats stats;
  if (successor_ != nullptr) stats = successor_->Stats();
  stats.passed += load(state.passed);
  stats.rejected += load(state.rejected);
  stats.rejected_dry_run += load(state.rejected_dry_run);
  stats.allocation_failures += load(state.allocation_failures);
  stats.returned += load(state.returned);
  stats.lock_spins += state.mutex.spins();
  stats.lock_sleeps += state.mutex.sleeps();
  stats.repairs += load(state.repairs);
  stats.connections += load(state.connections);
  stats.nodes += load(state.nodes);
  stats.owners += load(state.owner_count);
  return stats;
}

std::string LimitConnZone::Check() {
  RobustList& self = RobustList::Current();
  ConnView view(this);
  view.Lock(self);
  const char* broken = view.CheckLocked();
  view.Unlock(self);
  if (broken != nullptr) return broken;
  return successor_ == nullptr ? std::string() : successor_->Check();
}

size_t LimitConnZone::Capacity(size_t size, size_t key_length) {
  // Names are short; a typical length is as good as the real one for an estimate.
  constexpr size_t kTypicalTexts = 32;
  ZoneGeometry geometry;
  if (ComputeGeometry(kLimitConnFormat, size, kTypicalTexts, 0, &geometry) != ZoneStatus::kOk) return 0;
  const uint32_t chunks = Slab::ChunksPerPage(ShareSize(key_length));
  // One owner needs a chunk, too, and a page if its class is another one.
  if (Slab::FitOf(ShareSize(key_length)) == Slab::FitOf(sizeof(ConnOwner))) return geometry.page_count * chunks - 1;
  return (geometry.page_count - 1) * chunks;
}

}  // namespace sluice
