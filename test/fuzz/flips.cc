// See flips.h.

#include "flips.h"

#include <atomic>
#include <string>

#include "child_process.h"
#include "core/limit_conn_view.h"
#include "core/limit_req_shard.h"
#include "test.h"
#include "worker.h"

namespace sluice {
namespace fuzz {
namespace {

constexpr int64_t kHangMs = 30000;

// Not the header, which is read once at attaching, and rarely a lock: a word that names an owner in another pid
// namespace cannot be told from a true one at once, and its waiters wait for seconds.
template <class Zone>
void FlipOne(const Zone& zone, size_t size, test::Random& random) {
  const ZoneGeometry& g = zone.geometry();
  const size_t first = g.shards_offset;
  const size_t offset = first + random.Below((size - first) / 8) * 8;
  for (uint32_t i = 0; i < g.shard_count; ++i) {
    if (offset == g.ShardOffset(i) && random.Below(200) != 0) return;
  }
  auto* word = reinterpret_cast<std::atomic<uint64_t>*>(zone.base() + offset);
  const uint64_t bits = random.Below(3) == 0 ? random.Next() : uint64_t{1} << random.Below(64);
  word->fetch_xor(bits, std::memory_order_relaxed);
}

}  // namespace

std::string FlipWords(int64_t ms, uint64_t seed, uint64_t* flips) {
  Playground ground;
  test::Random random(seed);
  pid_t workers[kWorkers];
  for (int i = 0; i < kWorkers; ++i) {
    workers[i] =
        test::Fork([&] { return Work(ground, ground.shared().slots[i], seed + static_cast<uint64_t>(i) + 1, false); });
  }
  std::string problem;
  const auto stuck = [&](int i) {
    const uint64_t before = ground.shared().slots[i].progress;
    return !test::WaitFor([&] { return ground.shared().slots[i].progress != before; }, kHangMs);
  };
  for (const int64_t until = test::NowMs() + ms; problem.empty() && test::NowMs() < until;) {
    for (int i = 0; i < 20; ++i, ++*flips) {
      switch (random.Below(4)) {
        case 0:
          FlipOne(ground.crowded.zone, ground.crowded.size(), random);
          break;
        case 1:
          FlipOne(ground.spacious.zone, ground.spacious.size(), random);
          break;
        case 2:
          FlipOne(ground.conn.zone, ground.conn.size(), random);
          break;
        default:
          FlipOne(ground.narrow.zone, ground.narrow.size(), random);
      }
    }
    for (int i = 0; i < kWorkers; ++i) {
      int status = 0;
      if (waitpid(workers[i], &status, WNOHANG) == workers[i]) {
        workers[i] = -1;
        problem = WIFSIGNALED(status) ? "a process died of signal " + std::to_string(WTERMSIG(status))
                                      : "a process ended with code " + std::to_string(WEXITSTATUS(status));
        break;
      }
      if (stuck(i)) problem = "a process hangs";
    }
  }
  for (const pid_t worker : workers) {
    if (worker < 0) continue;
    kill(worker, SIGKILL);
    test::Wait(worker);
  }
  if (!problem.empty()) return problem;
  // Whole again, once nobody scribbles any more.
  for (LimitReqZone* zone : {&ground.crowded.zone, &ground.spacious.zone}) {
    zone->RecoverExclusive(ground.shared().clock_ms);
    const std::string broken = zone->Check();
    if (!broken.empty()) return std::string(zone->name()) + " after recovery: " + broken;
  }
  return std::string();
}

}  // namespace fuzz
}  // namespace sluice
