// Several limits in one zone: each has a name, which is in the keys of its nodes, and which is a node itself, so that
// all processes agree on what the name means.
//
//   key of a bucket or window    name | 0 | key          (in a zone of the proxy, which has no names: key)
//   key of a name's node         name
//
// Here is what is done to keys beside deciding: forgetting them, and listing the busiest. Walks hold a shard's lock for
// a few pages at a time; whoever decides meanwhile waits some ten microseconds at most.

#ifndef SLUICE_CORE_LIMIT_KEYS_H_
#define SLUICE_CORE_LIMIT_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/limit_req_zone.h"

namespace sluice {

// What a name stands for; the numbers are part of the layout.
enum class LimitAlgorithm : int64_t { kBucket = 1, kWindow = 2 };

enum class NameStatus { kOk, kOtherAlgorithm, kNoRoom };

// Writes down, in the zone, what the limits of this name are; or compares with what another process wrote. A name stays
// for as long as the zone.
NameStatus RegisterLimitName(LimitReqZone* zone, std::string_view name, LimitAlgorithm algorithm, int64_t now_ms);

// True if that forgives something: the bucket was not as good as new, the window running. Nodes come and go for other
// reasons than requests, so whether there was one tells nothing.
bool ForgetKey(LimitReqZone* zone, LimitAlgorithm algorithm, std::string_view key, int64_t now_ms);

// Forgets all keys that begin with `prefix`. Keys that come meanwhile may stay.
void ForgetKeys(LimitReqZone* zone, LimitAlgorithm algorithm, std::string_view prefix);

// The `capacity` buckets of a zone with the largest debt among those whose keys begin with a prefix.
class BusiestKeys {
 public:
  struct Entry {
    int64_t owed;  // ticks above the rate, at least 1; up to 0.4% of what drained too much, since rates are coded
    size_t key_length;
    char* key;  // whole, prefix included; owned
  };

  explicit BusiestKeys(size_t capacity);
  ~BusiestKeys();
  BusiestKeys(const BusiestKeys&) = delete;
  BusiestKeys& operator=(const BusiestKeys&) = delete;

  // False when there was no memory for the list.
  bool Collect(LimitReqZone* zone, std::string_view prefix, int64_t now_ms);

  // Largest first.
  size_t size() const { return size_; }
  const Entry& operator[](size_t i) const { return entries_[i]; }

 private:
  bool Offer(int64_t owed, std::string_view key);
  bool Grow();

  size_t capacity_;
  size_t room_ = 0;
  size_t size_ = 0;
  Entry* entries_ = nullptr;  // while collecting: a heap with the smallest debt in front
};

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_KEYS_H_
