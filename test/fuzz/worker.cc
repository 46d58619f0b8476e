// See worker.h.

#include "worker.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/limit_window.h"
#include "test.h"

namespace sluice {
namespace fuzz {
namespace {

class Worker {
 public:
  Worker(Playground& ground, uint64_t seed) : ground_(ground), shared_(ground.shared()), random_(seed) {}

  // One operation; 0, or a WorkerFailure.
  int Step() {
    const uint64_t choice = random_.Below(1000);
    if (choice < 300) return Hot();
    if (choice < 420) return Pair();
    if (choice < 460) return Unlimited();
    if (choice < 490) return Window();
    if (choice < 600) return Flood();
    if (choice < 985) return random_.Below(2) == 0 || holds_.size() > 20 ? Release() : Acquire();
    if (choice < 998) return ReturnDead();
    return Leave();
  }

 private:
  int Hot() {
    const int k = static_cast<int>(random_.Below(kKeys));
    const std::string key = HotKey(shared_.epoch, "hot", k);
    const LimitSpec limit = {&ground_.crowded.zone, kRate, kBurst, kMaxTicks, false};
    const std::string_view view = key;
    const int64_t verdict = Decide(&limit, &view, 1, shared_.clock_ms.load(), &decision_);
    if (verdict == 0) shared_.admitted[k].fetch_add(1);
    return verdict == kNoMemory ? kRefusedForMemory : 0;
  }

  int Pair() {
    const int k = static_cast<int>(random_.Below(kKeys));
    const std::string key = HotKey(shared_.epoch, "pair", k);
    const LimitSpec limits[] = {{&ground_.crowded.zone, kRate, kBurst, kMaxTicks, false},
                                {&ground_.spacious.zone, kRate, kBurst, kMaxTicks, false}};
    const std::string_view keys[] = {key, key};
    const int64_t verdict = Decide(limits, keys, 2, shared_.clock_ms.load(), &decision_);
    if (verdict == 0) shared_.admitted_pairs[k].fetch_add(1);
    return verdict == kNoMemory ? kRefusedForMemory : 0;
  }

  // Keys that are always admitted, however often they are asked for.
  int Unlimited() {
    const std::string key = "u" + std::to_string(random_.Below(200));
    const LimitSpec limits[] = {{&ground_.spacious.zone, kRate, kMaxTicks, kMaxTicks, false},
                                {&ground_.crowded.zone, kRate, kMaxTicks, kMaxTicks, false}};
    const std::string_view keys[] = {key, key};
    const int count = random_.Below(2) == 0 ? 2 : 1;
    return Decide(limits, keys, count, shared_.clock_ms.load(), &decision_) == kNoMemory ? kRefusedForMemory : 0;
  }

  // Hits of one kind of key are counted for ever, those of another come and go.
  int Window() {
    const int k = static_cast<int>(random_.Below(kKeys));
    const bool checked = random_.Below(2) == 0;
    const std::string key = HotKey(shared_.epoch, checked ? "window" : "coming and going", k);
    LimitReqZone* zone = &ground_.spacious.zone;
    WindowState state;
    if (!checked && random_.Below(2) == 0) {
      DecrementWindow(zone, key, 1000, shared_.clock_ms);
      return 0;
    }
    if (HitWindow(zone, key, kWindowMs, 1000, {}, shared_.clock_ms, &state) != 0) return kRefusedForMemory;
    if (checked) shared_.counted[k].fetch_add(1);
    return 0;
  }

  // Keys that nobody asks for again, of every size; a few take pages.
  int Flood() {
    const size_t length = random_.Below(50) == 0 ? 200 + random_.Below(6000) : 8 + random_.Below(60);
    std::string key(length, 'f');
    const uint64_t name = random_.Next();
    key.replace(0, 8, reinterpret_cast<const char*>(&name), 8);
    const LimitSpec limit = {&ground_.crowded.zone, kRate, kBurst, kMaxTicks, false};
    const std::string_view view = key;
    return Decide(&limit, &view, 1, shared_.clock_ms.load(), &decision_) == kNoMemory ? kRefusedForMemory : 0;
  }

  int Acquire() {
    const std::string wide = ConnKey(random_.Below(kKeys));
    const std::string narrow = ConnKey(random_.Below(500)) + std::string(random_.Below(120), 'n');
    const ConnLimit limits[] = {{&ground_.conn.zone, kConnections, false}, {&ground_.narrow.zone, kConnections, false}};
    const std::string_view keys[] = {random_.Below(3) == 0 ? std::string_view() : std::string_view(wide), narrow};
    ConnHold taken[2];
    int index = 0;
    const int count = AcquireConnections(limits, keys, random_.Below(3) == 0 ? 2 : 1, taken, &index);
    for (int i = 0; i < count; ++i) holds_.push_back(taken[i]);
    return 0;
  }

  int Release() {
    if (holds_.empty()) return 0;
    const size_t at = random_.Below(holds_.size());
    const ConnHold hold = holds_[at];
    holds_.erase(holds_.begin() + static_cast<long>(at));
    return hold.zone->Release(hold) ? 0 : kReleaseFailed;
  }

  // What a refused one does now and then where there is no master.
  int ReturnDead() {
    Resizable<LimitConnZone>& zones = random_.Below(2) == 0 ? ground_.conn : ground_.narrow;
    (random_.Below(2) == 0 ? zones.zone : zones.next).ReturnDead();
    return 0;
  }

  // Gives all back at once, as a worker that ends well, and comes again.
  int Leave() {
    holds_.clear();
    return ground_.conn.AttachAgain() && ground_.narrow.AttachAgain() ? 0 : kReleaseFailed;
  }

  Playground& ground_;
  Shared& shared_;
  test::Random random_;
  Decision decision_;
  std::vector<ConnHold> holds_;
};

}  // namespace

int Work(Playground& ground, Shared::Slot& slot, uint64_t seed, bool careful) {
  Worker worker(ground, seed);
  for (;;) {
    const int failure = worker.Step();
    if (failure != 0 && careful) return failure;
    slot.progress.fetch_add(1);
  }
}

}  // namespace fuzz
}  // namespace sluice
