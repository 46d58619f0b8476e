// See limit_keys.h.

#include "core/limit_keys.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/crc32.h"
#include "core/limit_req_shard.h"

namespace sluice {
namespace {

constexpr uint32_t kPagesPerLock = 8;

ZoneNode::Kind KindOf(LimitAlgorithm algorithm) {
  return algorithm == LimitAlgorithm::kBucket ? ZoneNode::kBucket : ZoneNode::kWindow;
}

// Calls visit(view, node) for every node of a kind whose key begins with `prefix`, under its shard's lock. Ends early
// when `visit` returns false.
template <class Visit>
void VisitKeys(LimitReqZone* zone, ZoneNode::Kind kind, std::string_view prefix, Visit visit) {
  RobustList& self = RobustList::Current();
  for (uint32_t i = 0; i < zone->geometry().shard_count; ++i) {
    ShardView view(zone, i);
    for (uint32_t page = 0; page < view.page_count(); page += kPagesPerLock) {
      if (!view.Lock(self)) break;
      SlabCursor cursor = {page, 0};
      LimitReqNode* node;
      bool more = true;
      while (more && view.NextLocked(&cursor, page + kPagesPerLock, &node)) {
        if (node->head.kind != kind || node->head.key_length < prefix.size() ||
            memcmp(node->key(), prefix.data(), prefix.size()) != 0) {
          continue;
        }
        more = visit(view, node);
      }
      view.Unlock(self);
      if (!more) return;
    }
  }
  if (zone->successor() != nullptr) VisitKeys(zone->successor(), kind, prefix, visit);
}

bool OwesMore(const BusiestKeys::Entry& a, const BusiestKeys::Entry& b) { return a.owed > b.owed; }

}  // namespace

NameStatus RegisterLimitName(LimitReqZone* zone, std::string_view name, LimitAlgorithm algorithm, int64_t now_ms) {
  const uint32_t hash = Crc32(name);
  const int64_t written = static_cast<int64_t>(algorithm);
  RobustList& self = RobustList::Current();
  ShardView view(zone, hash, ShardView::kByHash);
  view.LockShardOf(hash, self);
  const LimitReqNode* node = view.FindLocked(ZoneNode::kLimitName, hash, name).node;
  if (node == nullptr) {
    node = view.InsertLocked(ZoneNode::kLimitName, hash, name, MakeStamp(written, 0), 0, view.zone()->TimeOf(now_ms),
                             nullptr, 0);
  }
  const NameStatus status = node == nullptr           ? NameStatus::kNoRoom
                            : node->time() != written ? NameStatus::kOtherAlgorithm
                                                      : NameStatus::kOk;
  view.Unlock(self);
  return status;
}

bool ForgetKey(LimitReqZone* zone, LimitAlgorithm algorithm, std::string_view key, int64_t now_ms) {
  const uint32_t hash = Crc32(key);
  RobustList& self = RobustList::Current();
  ShardView view(zone, hash, ShardView::kByHash);
  view.LockShardOf(hash, self);
  LimitReqNode* node = view.FindLocked(KindOf(algorithm), hash, key).node;
  now_ms = view.zone()->TimeOf(now_ms);
  const bool known =
      node != nullptr &&
      (algorithm == LimitAlgorithm::kBucket ? OwedAtMost(node, now_ms) > -kRequestTicks : now_ms < node->time());
  if (node != nullptr) view.RemoveLocked(node);
  view.Unlock(self);
  return known;
}

void ForgetKeys(LimitReqZone* zone, LimitAlgorithm algorithm, std::string_view prefix) {
  VisitKeys(zone, KindOf(algorithm), prefix, [](ShardView& view, LimitReqNode* node) {
    view.RemoveLocked(node);
    return true;
  });
}

BusiestKeys::BusiestKeys(size_t capacity) : capacity_(capacity) {}

BusiestKeys::~BusiestKeys() {
  for (size_t i = 0; i < size_; ++i) free(entries_[i].key);
  free(entries_);
}

bool BusiestKeys::Collect(LimitReqZone* zone, std::string_view prefix, int64_t now_ms) {
  bool memory = true;
  now_ms = zone->TimeOf(now_ms);
  VisitKeys(zone, ZoneNode::kBucket, prefix, [&](ShardView&, LimitReqNode* node) {
    const int64_t owed = OwedAtMost(node, now_ms);
    memory = owed <= 0 || Offer(owed, std::string_view(node->key(), node->head.key_length));
    return memory;
  });
  std::sort_heap(entries_, entries_ + size_, OwesMore);
  return memory;
}

// A key that left and came back while the walk went on may be there twice; nobody is hurt by that.
bool BusiestKeys::Offer(int64_t owed, std::string_view key) {
  if (capacity_ == 0 || (size_ == capacity_ && owed <= entries_[0].owed)) return true;
  char* copy = static_cast<char*>(malloc(key.size()));
  if (copy == nullptr || (size_ < capacity_ && size_ == room_ && !Grow())) {
    free(copy);
    return false;
  }
  memcpy(copy, key.data(), key.size());
  if (size_ == capacity_) {
    std::pop_heap(entries_, entries_ + size_, OwesMore);
    free(entries_[--size_].key);
  }
  entries_[size_++] = {owed, key.size(), copy};
  std::push_heap(entries_, entries_ + size_, OwesMore);
  return true;
}

bool BusiestKeys::Grow() {
  const size_t room = std::min(capacity_, std::max(size_t{16}, room_ * 2));
  Entry* larger = static_cast<Entry*>(realloc(entries_, room * sizeof(Entry)));
  if (larger == nullptr) return false;
  entries_ = larger;
  room_ = room;
  return true;
}

}  // namespace sluice
