// The crash fuzzer: `npm run fuzz -- [--kills N] [--seconds N] [--seed N]`. Processes hammer limit_req and limit_conn
// zones and are killed: at random instants, alone or several at once, and at every fault point by its name. After each
// kill the others must get on, the checker has nothing to say, no key was admitted more than its share, no key has more
// connections than its limit. Half of the time nobody plays the master, and the survivors find out by themselves.
//   epoch   some dozens of kills in a second of the zones' time. At its end all are killed, every hot key is asked
//   until it
//           is refused, and what was admitted in all is its share, but for what the dead have taken with them; nothing
//           is held any more. Then the clock goes on by an hour.
//   resize  in each epoch somebody begins to move all zones to memory of another size, and dies on the way; at the
//   latest
//           at the epoch's end it is done.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "child_process.h"
#include "conn_fixture.h"
#include "core/crc32.h"
#include "core/fault_point.h"
#include "core/limit_conn_view.h"
#include "core/limit_req_move.h"
#include "core/limit_window.h"
#include "flips.h"
#include "test.h"
#include "worker.h"

namespace sluice {
namespace fuzz {
namespace {

constexpr int kKillsPerEpoch = 40;
constexpr int64_t kEpochMs = 3600000;
// For the survivors to get on: they need microseconds, a busy machine may need seconds.
constexpr int64_t kWedgedMs = 30000;
// An armed process that does not come to its point is killed where it is.
constexpr int kArmedMs = 250;

std::vector<std::string> points;
Shared::Slot* my_slot;  // of a child

void NoteDeath(const char* name) {
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i] == name) my_slot->died_at = static_cast<int32_t>(i) + 1;
  }
}

bool Begins(const std::string& text, const char* with) { return text.compare(0, strlen(with), with) == 0; }

bool IsOfRepair(const std::string& point) {
  return Begins(point, "repair.") || Begins(point, "rebuild.") || Begins(point, "conn.repair.");
}

// Of what the master does: moving a zone to its successor.
bool IsOfMove(const std::string& point) { return Begins(point, "migrate.") || point == "conn.closed"; }

// Of a change in a limit_conn zone, or in a limit_req zone; the parts that both have (tree, queue, slab) are of
// neither.
bool IsOfConn(const std::string& point) {
  return (Begins(point, "conn.") && !IsOfMove(point)) || Begins(point, "owner.");
}
bool IsOfReq(const std::string& point) {
  return Begins(point, "insert.") || Begins(point, "erase.") || Begins(point, "move.") || Begins(point, "shard.");
}

bool IsOfChange(const std::string& point) { return !IsOfRepair(point) && !IsOfMove(point); }
bool IsAny(const std::string&) { return true; }

class Fuzzer {
 public:
  explicit Fuzzer(uint64_t seed) : random_(seed), deaths_(points.size(), 0) {}

  // False after the first problem, which is printed.
  bool Run(uint64_t kills, int64_t seconds) {
    const int64_t begin = test::NowMs();
    const auto goes_on = [&] {
      const int64_t ms = test::NowMs() - begin;
      const bool enough = kills != 0 ? kills_ >= kills : ms >= seconds * 1000;
      // A busy machine gets more time for what has not been met yet.
      return !enough || (ms < seconds * 3000 && !Uncovered().empty());
    };
    BeginEpoch();
    while (problem_.empty() && goes_on()) {
      if (++kills_in_epoch_ > kKillsPerEpoch) {
        EndEpoch();
        BeginEpoch();
        continue;
      }
      KillSomebody();
      if (problem_.empty()) CheckAfterKill();
      shared().clock_ms.fetch_add(25);
    }
    EndEpoch();
    return problem_.empty();
  }

  std::vector<std::string> Uncovered() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < points.size(); ++i) {
      if (deaths_[i] == 0) names.push_back(points[i]);
    }
    return names;
  }

  void Report() const {
    printf("deaths at fault points:\n");
    for (size_t i = 0; i < points.size(); ++i) {
      printf("  %-24s %6llu\n", points[i].c_str(), static_cast<unsigned long long>(deaths_[i]));
    }
    const ZoneStats crowded = ground_.crowded.zone.Stats();
    printf(
        "%llu kills (%llu at fault points), %llu epochs, %llu decisions, %llu evictions, repairs: %llu + %llu + %llu\n",
        Number(kills_), Number(at_points_), Number(epochs_), Number(crowded.passed + crowded.rejected),
        Number(crowded.evicted_idle), Number(crowded.repairs), Number(ground_.spacious.zone.Stats().repairs),
        Number(ground_.conn.zone.Stats().repairs + ground_.narrow.zone.Stats().repairs));
    if (!problem_.empty()) printf("FAILED: %s\n", problem_.c_str());
  }

 private:
  static unsigned long long Number(uint64_t number) { return number; }
  Shared& shared() { return ground_.shared(); }

  void Fail(const std::string& text) {
    if (problem_.empty()) problem_ = text + " (kill " + std::to_string(kills_) + ")";
  }

  // Arms it with the number of a point and a crossing, or -1.
  void Spawn(int i, int point = -1, int crossing = 1) {
    Shared::Slot& slot = shared().slots[i];
    slot.died_at = 0;
    const uint64_t seed = random_.Next();
    workers_[i] = test::Fork([&] {
      my_slot = &slot;
      if (point >= 0) ArmFaultPointOf(points[static_cast<size_t>(point)].c_str(), crossing, NoteDeath);
      return Work(ground_, slot, seed, true);
    });
  }

  void Kill(int i) {
    kill(workers_[i], SIGKILL);
    Reap(i);
  }

  void Reap(int i) {
    const int status = test::Wait(workers_[i]);
    dead_.push_back(workers_[i]);
    workers_[i] = -1;
    ++kills_;
    if (!test::WasKilled(status)) {
      Fail(WIFSIGNALED(status) ? "a worker died of signal " + std::to_string(WTERMSIG(status))
                               : "a worker ended with code " + std::to_string(WEXITSTATUS(status)));
    }
    const int32_t at = shared().slots[i].died_at;
    if (at > 0) {
      ++deaths_[static_cast<size_t>(at) - 1];
      ++at_points_;
    }
  }

  // Waits for an armed worker to die by itself; kills it after a while.
  void AwaitDeath(int i) {
    const bool died = test::WaitFor(
        [&] {
          siginfo_t info = {};
          return waitid(P_PID, static_cast<id_t>(workers_[i]), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                 info.si_pid != 0;
        },
        kArmedMs);
    if (!died) kill(workers_[i], SIGKILL);
    Reap(i);
  }

  // Of the points that `wanted` likes the one at which fewest have died; of several any.
  template <class Wanted>
  int RarestPoint(Wanted wanted) {
    int best = -1;
    const size_t start = random_.Below(points.size());
    for (size_t n = 0; n < points.size(); ++n) {
      const size_t at = (start + n) % points.size();
      if (!wanted(points[at])) continue;
      if (best < 0 || deaths_[at] < deaths_[static_cast<size_t>(best)]) best = static_cast<int>(at);
    }
    return best;
  }

  void KillSomebody() {
    // While there are points at which nobody has died they come first.
    const uint64_t choice =
        deaths_[static_cast<size_t>(RarestPoint(IsAny))] == 0 ? random_.Below(80) + 20 : random_.Below(100);
    if (choice >= 20 && choice < 30 && !moved_) {
      KillMaster();
    } else if (choice < 45) {
      test::SleepMs(static_cast<int>(random_.Below(3)));
      Kill(static_cast<int>(random_.Below(kWorkers)));
    } else if (choice < 55) {
      test::SleepMs(static_cast<int>(random_.Below(2)));
      for (const pid_t worker : workers_) kill(worker, SIGKILL);
      for (int i = 0; i < kWorkers - 1; ++i) Reap(i);
      Reap(kWorkers - 1);
    } else if (choice < 80) {
      const int i = static_cast<int>(random_.Below(kWorkers));
      Kill(i);
      const int point = RarestPoint(IsOfChange);
      Spawn(i, point, Crossing(point, 4));
      AwaitDeath(i);
    } else {
      KillInsideRepair();
    }
  }

  // Somebody who resizes all zones dies on the way. Whether it goes on from there is for later.
  void KillMaster() {
    const int point = RarestPoint(IsOfMove);
    Shared::Slot& slot = shared().slots[kWorkers];
    slot.died_at = 0;
    const pid_t master = test::Fork([&] {
      my_slot = &slot;
      ArmFaultPointOf(points[static_cast<size_t>(point)].c_str(), Crossing(point, 6), NoteDeath);
      Resize();
      return 0;
    });
    if (random_.Below(4) == 0) {
      test::SleepMs(static_cast<int>(random_.Below(3)));
      kill(master, SIGKILL);
    }
    const int status = test::Wait(master);
    dead_.push_back(master);
    if (test::WasKilled(status)) ++kills_;
    // With all in force there is no more to die at in this epoch.
    moved_ = !test::WasKilled(status);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) Fail("the master died of a signal");
    const int32_t at = slot.died_at;
    if (at > 0) {
      ++deaths_[static_cast<size_t>(at) - 1];
      ++at_points_;
    }
  }

  // All zones, each with what has moved already.
  void Resize() {
    for (Resizable<LimitReqZone>* zone : {&ground_.crowded, &ground_.spacious}) {
      MoveToSuccessor(&zone->zone, shared().clock_ms);
    }
    for (Resizable<LimitConnZone>* zone : {&ground_.conn, &ground_.narrow}) zone->zone.Close();
  }

  // One dies inside a change while nobody else is there, the next one inside the repair, and the one after it, too.
  void KillInsideRepair() {
    for (int i = 0; i < kWorkers; ++i) Kill(i);
    const int repair = RarestPoint(IsOfRepair);
    const bool of_conn = Begins(points[static_cast<size_t>(repair)], "conn.");
    const bool of_req = Begins(points[static_cast<size_t>(repair)], "repair.");
    const int change = RarestPoint([&](const std::string& point) {
      return IsOfChange(point) && (!of_conn || IsOfConn(point)) && (!of_req || IsOfReq(point));
    });
    Spawn(0, change, Crossing(change, 3));
    AwaitDeath(0);
    Spawn(0, repair, Crossing(repair, 40));
    AwaitDeath(0);
    const int again = RarestPoint(IsOfRepair);
    Spawn(0, again, Crossing(again, 3));
    AwaitDeath(0);
  }

  // The first one where nobody has died yet, or any of the first ones.
  int Crossing(int point, uint64_t most) {
    return deaths_[static_cast<size_t>(point)] == 0 ? 1 : 1 + static_cast<int>(random_.Below(most));
  }

  void PlayMaster() {
    for (const pid_t pid : dead_) {
      for (Resizable<LimitReqZone>* zone : {&ground_.crowded, &ground_.spacious}) {
        zone->zone.ForceUnlock(pid);
        zone->next.ForceUnlock(pid);
      }
      for (LimitConnZone* zone : {&ground_.conn.zone, &ground_.conn.next, &ground_.narrow.zone, &ground_.narrow.next}) {
        zone->ForceUnlock(pid);
        zone->ReturnHolds(pid);
      }
    }
    dead_.clear();
  }

  void CheckAfterKill() {
    if (random_.Below(2) == 0) PlayMaster();
    for (int i = 0; i < kWorkers; ++i) {
      if (workers_[i] < 0) Spawn(i);
    }
    for (int i = 0; i < kWorkers && problem_.empty(); ++i) {
      const uint64_t before = shared().slots[i].progress;
      int status = 0;
      bool ended = false;
      const bool gets_on = test::WaitFor(
          [&] {
            ended = waitpid(workers_[i], &status, WNOHANG) == workers_[i];
            return ended || shared().slots[i].progress != before;
          },
          kWedgedMs);
      if (!gets_on) Fail("a worker waits for ever");
      if (ended) {
        workers_[i] = -1;
        Fail("a worker ended by itself: status " + std::to_string(status));
      }
    }
    CheckZones();
  }

  // Burst and one more, and what the time since the epoch's begin has drained.
  uint64_t Share() {
    const int64_t elapsed_ms = shared().clock_ms - epoch_begin_ms_;
    return static_cast<uint64_t>((kBurst + 1000 + kRate * elapsed_ms / 1000) / 1000);
  }

  void CheckZones() {
    const std::string broken = ground_.Check();
    if (!broken.empty()) Fail(broken);
    for (int k = 0; k < kKeys; ++k) {
      if (shared().admitted[k] > Share() || shared().admitted_pairs[k] > Share()) {
        Fail("key " + std::to_string(k) + " was admitted more than its share");
      }
      for (Resizable<LimitConnZone>* zone : {&ground_.conn, &ground_.narrow}) {
        if (Held(*zone, ConnKey(static_cast<uint64_t>(k))) > kConnections) Fail("more connections than the limit");
      }
    }
  }

  // In both memories, at one instant.
  static uint64_t Held(Resizable<LimitConnZone>& zones, const std::string& key) {
    RobustList& self = RobustList::Current();
    ConnView views[] = {ConnView(&zones.zone), ConnView(&zones.next)};
    for (ConnView& view : views) view.Lock(self);
    uint64_t held = 0;
    for (ConnView& view : views) held += view.CountLocked(Crc32(key), key, kNil<ZoneNode>).connections;
    for (ConnView& view : views) view.Unlock(self);
    return held;
  }

  void BeginEpoch() {
    if (!problem_.empty()) return;
    ++epochs_;
    kills_in_epoch_ = 0;
    moved_ = false;
    kills_before_epoch_ = kills_;
    shared().clock_ms.fetch_add(kEpochMs);
    epoch_begin_ms_ = shared().clock_ms;
    shared().epoch.fetch_add(1);
    // Twice, so that each owes something: nobody evicts it as long as there is anybody else.
    for (int k = 0; k < kKeys; ++k) {
      shared().admitted[k] = shared().admitted_pairs[k] = shared().counted[k] = 0;
      for (int i = 0; i < 2; ++i) {
        if (Ask("hot", k)) shared().admitted[k].fetch_add(1);
        if (Ask("pair", k)) shared().admitted_pairs[k].fetch_add(1);
      }
    }
    for (int i = 0; i < kWorkers; ++i) Spawn(i);
  }

  bool Ask(const char* kind, int k) {
    const std::string key = HotKey(shared().epoch, kind, k);
    const LimitSpec limits[] = {{&ground_.crowded.zone, kRate, kBurst, kMaxTicks, false},
                                {&ground_.spacious.zone, kRate, kBurst, kMaxTicks, false}};
    const std::string_view keys[] = {key, key};
    Decision decision;
    return Decide(limits, keys, strcmp(kind, "pair") == 0 ? 2 : 1, shared().clock_ms.load(), &decision) == 0;
  }

  void EndEpoch() {
    for (int i = 0; i < kWorkers; ++i) {
      if (workers_[i] >= 0) Kill(i);
    }
    if (!problem_.empty()) return;
    PlayMaster();
    CheckZones();
    const uint64_t kills = kills_ - kills_before_epoch_;
    for (int k = 0; k < kKeys; ++k) {
      while (Ask("hot", k)) shared().admitted[k].fetch_add(1);
      while (Ask("pair", k)) shared().admitted_pairs[k].fetch_add(1);
      for (const uint64_t admitted : {shared().admitted[k].load(), shared().admitted_pairs[k].load()}) {
        if (admitted > Share() || admitted + kills < Share()) {
          Fail("key " + std::to_string(k) + ": " + std::to_string(admitted) + " admitted, its share is " +
               std::to_string(Share()) + ", " + std::to_string(kills) + " died");
        }
      }
    }
    for (int k = 0; k < kKeys; ++k) {
      // A hit is counted by the zone before it is by the one who dies.
      const std::string key = HotKey(shared().epoch, "window", k);
      const uint64_t hits =
          static_cast<uint64_t>(GetWindow(&ground_.spacious.zone, key, shared().clock_ms).hits) / 1000;
      const uint64_t counted = shared().counted[k];
      if (hits < counted || hits > counted + kills) {
        Fail("window " + std::to_string(k) + ": " + std::to_string(hits) + " hits of " + std::to_string(counted));
      }
    }
    for (Resizable<LimitConnZone>* zone : {&ground_.conn, &ground_.narrow}) {
      zone->zone.ReturnDead();
      zone->next.ReturnDead();
      const ConnZoneStats stats = zone->zone.Stats();
      if (stats.connections != 0 || stats.nodes != 0 || stats.owners != 0) Fail("the dead still hold connections");
    }
    if (!problem_.empty()) return;
    // Whoever began, somebody brings it to its end, and nobody is left who uses the old memory.
    Resize();
    for (Resizable<LimitReqZone>* zone : {&ground_.crowded, &ground_.spacious}) zone->Follow();
    for (Resizable<LimitConnZone>* zone : {&ground_.conn, &ground_.narrow}) zone->Follow();
    CheckZones();
  }

  Playground ground_;
  test::Random random_;
  std::vector<uint64_t> deaths_;
  std::vector<pid_t> dead_;  // that nobody has cleared up after
  pid_t workers_[kWorkers] = {-1, -1, -1};
  std::string problem_;
  int64_t epoch_begin_ms_ = 0;
  int kills_in_epoch_ = 0;
  bool moved_ = false;  // no more of that in this epoch
  uint64_t kills_ = 0;
  uint64_t at_points_ = 0;
  uint64_t epochs_ = 0;
  uint64_t kills_before_epoch_ = 0;
};

int Main(int argc, char** argv) {
  uint64_t kills = 0;
  int64_t seconds = 60;
  uint64_t seed = static_cast<uint64_t>(test::NowMs());
  int at = 1;
  for (; at + 1 < argc && strcmp(argv[at], "--points") != 0; at += 2) {
    const uint64_t number = strtoull(argv[at + 1], nullptr, 10);
    if (strcmp(argv[at], "--kills") == 0) {
      kills = number;
    } else if (strcmp(argv[at], "--seconds") == 0) {
      seconds = static_cast<int64_t>(number);
    } else if (strcmp(argv[at], "--seed") == 0) {
      seed = number;
    } else {
      break;
    }
  }
  if (at >= argc || strcmp(argv[at], "--points") != 0) {
    fprintf(stderr, "usage: npm run fuzz -- [--kills N] [--seconds N] [--seed N]\n");
    return 2;
  }
  for (++at; at < argc; ++at) points.push_back(argv[at]);
  printf("seed %llu, %zu fault points\n", static_cast<unsigned long long>(seed), points.size());
  fflush(stdout);

  const int64_t begin = test::NowMs();
  Fuzzer fuzzer(seed);
  // A fifth of the time for scribbles in the memory.
  bool good = fuzzer.Run(kills, std::max(int64_t{1}, seconds * 4 / 5));
  fuzzer.Report();
  for (const std::string& name : fuzzer.Uncovered()) {
    printf("FAILED: nobody died at %s\n", name.c_str());
    good = false;
  }
  uint64_t flips = 0;
  const std::string problem = FlipWords(kills != 0 ? 10000 : seconds * 1000 / 5, seed, &flips);
  printf("%llu scribbles in living zones\n", static_cast<unsigned long long>(flips));
  if (!problem.empty()) printf("FAILED: %s\n", problem.c_str());
  printf("%.1f s\n", static_cast<double>(test::NowMs() - begin) / 1000);
  return good && problem.empty() ? 0 : 1;
}

}  // namespace
}  // namespace fuzz
}  // namespace sluice

int main(int argc, char** argv) { return sluice::fuzz::Main(argc, argv); }
