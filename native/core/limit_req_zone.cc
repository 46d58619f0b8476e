// Creating, attaching and looking after a limit_req zone; deciding is in limit_req_decide.cc.

#include "core/limit_req_zone.h"

#include <utility>

#include "core/limit_req_shard.h"

namespace sluice {

ZoneStatus LimitReqZone::Format(void* base, size_t size, std::string_view name, std::string_view key_text) {
  return FormatAfter(nullptr, base, size, name, key_text);
}

ZoneStatus LimitReqZone::FormatSuccessor(void* base, size_t size, const LimitReqZone& older) {
  return FormatAfter(&older.zone_, base, size, older.name(), older.key_text());
}

ZoneStatus LimitReqZone::FormatAfter(const ZoneBinding* older, void* base, size_t size, std::string_view name,
                                     std::string_view key_text) {
  const ZoneStatus status = BeginZone(kLimitReqFormat, base, size, name, key_text, older, &zone_);
  if (status != ZoneStatus::kOk) return status;
  for (uint32_t i = 0; i < geometry().shard_count; ++i) ShardView(this, i).FormatLocked();
  PublishZone(kLimitReqFormat, zone_);
  return ZoneStatus::kOk;
}

ZoneStatus LimitReqZone::Attach(void* base, size_t size, std::string_view name) {
  return OpenZone(kLimitReqFormat, base, size, name, &zone_);
}

bool LimitReqZone::SetSuccessor(LimitReqZone* successor) {
  // The larger uid: who locks shards of both (limit_req_move.cc) keeps to the one order of all.
  if (successor->uid() <= uid() || successor->name() != name() || successor->key_text() != key_text()) return false;
  successor_ = successor;
  return true;
}

bool LimitReqZone::Follow() {
  if (successor_ == nullptr) return false;
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    if (!ShardView(this, i).HasMoved()) return false;
  }
  zone_ = successor_->zone_;
  successor_ = successor_->successor_;
  return true;
}

bool LimitReqZone::ForceUnlock(pid_t pid) {
  bool held = false;
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    ShardView view(this, i);
    Shmtx& mutex = view.shard()->mutex;
    if (mutex.TakeOver(pid)) {
      held = true;
      view.AfterTakeOverLocked();
      mutex.Unlock();
    } else if (mutex.ForgetRecovered(pid)) {
      held = true;
    }
  }
  return held;
}

void LimitReqZone::RecoverExclusive(int64_t now_ms) {
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    ShardView view(this, i);
    view.shard()->mutex.Seize();
    view.RepairLocked();
    view.EndFutureLocked(TimeOf(now_ms));
    view.shard()->mutex.Unlock();
  }
}

int64_t LimitReqZone::LatestMs() const {
  // Views are made for those who lock and repair; here nothing is changed.
  LimitReqZone* self = const_cast<LimitReqZone*>(this);
  int64_t latest[2] = {0, 0};
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    ShardView view(self, i);
    const LimitReqNode* node;
    NodeCopy copy;
    for (SlabCursor cursor = {0, 0}; view.NextIntactLocked(&cursor, &node, &copy);) {
      const int64_t ms = copy.stamp >> kRateCodeBits;
      if (copy.kind != ZoneNode::kBucket || ms <= latest[1]) continue;
      latest[1] = ms;
      if (latest[1] > latest[0]) std::swap(latest[0], latest[1]);
    }
  }
  return latest[1];
}

ZoneStats LimitReqZone::Stats() const {
  const auto load = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  ZoneStats sum;
  if (successor_ != nullptr) sum = successor_->Stats();
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    const Shard* shard = reinterpret_cast<const Shard*>(base() + geometry().ShardOffset(i));
    // What a shard has counted moves with its keys.
    if (successor_ != nullptr &&
        __atomic_load_n(&shard->change, __ATOMIC_RELAXED) == SuccessorMark(successor_->uid())) {
      continue;
    }
    sum.passed += load(shard->passed);
    sum.delayed += load(shard->delayed);
    sum.rejected += load(shard->rejected);
    sum.delayed_dry_run += load(shard->delayed_dry_run);
    sum.rejected_dry_run += load(shard->rejected_dry_run);
    sum.nodes += load(shard->nodes);
    sum.evicted_idle += load(shard->evicted_idle);
    sum.evicted_in_debt += load(shard->evicted_in_debt);
    sum.allocation_failures += load(shard->allocation_failures);
    sum.lock_spins += shard->mutex.spins();
    sum.lock_sleeps += shard->mutex.sleeps();
    sum.repairs += load(shard->repairs);
  }
  sum.shards = geometry().shard_count;
  return sum;
}

std::string LimitReqZone::Check() {
  RobustList& self = RobustList::Current();
  for (uint32_t i = 0; i < geometry().shard_count; ++i) {
    ShardView view(this, i);
    if (!view.Lock(self)) continue;
    const char* broken = view.CheckLocked();
    view.Unlock(self);
    if (broken != nullptr) return "shard " + std::to_string(i) + ": " + broken;
  }
  return successor_ == nullptr ? std::string() : successor_->Check();
}

size_t LimitReqZone::Capacity(size_t size, size_t key_length) {
  // Names are short; a typical length is as good as the real one for an estimate.
  constexpr size_t kTypicalTexts = 32;
  ZoneGeometry geometry;
  if (ComputeGeometry(kLimitReqFormat, size, kTypicalTexts, 0, &geometry) != ZoneStatus::kOk) return 0;
  const size_t node = NodeSize(key_length);
  size_t nodes = 0;
  for (uint32_t i = 0; i < geometry.shard_count; ++i) {
    const size_t pages = geometry.FirstPage(i + 1) - geometry.FirstPage(i);
    const uint32_t chunks = Slab::ChunksPerPage(node);
    nodes += chunks > 0 ? pages * chunks : pages / Slab::PagesFor(node);
  }
  return nodes;
}

}  // namespace sluice
