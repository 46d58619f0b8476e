// What a decision costs in C++, lock and hash included, clock excluded: `test/native/run.sh bench`.
// One process alone and two that contend; hot (1 k keys) and large (100 k, 1 M) sets, keys picked uniformly. The cost
// of the loop itself (picking a key) is measured and subtracted; medians of several rounds.

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/limit_req_zone.h"
#include "core/shmtx.h"

namespace sluice {
namespace {

constexpr int kRounds = 15;

// CPU time of this thread, so that other users of the machine count less; contention is measured by the clock on the
// wall.
double Now(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

char* Map(size_t size) {
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (base == MAP_FAILED) abort();
  return static_cast<char*>(base);
}

uint64_t Random(uint64_t* state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1D >> 32;
}

volatile uint64_t sink;

// ns per turn of a loop of `times` decisions (or of picking a key only).
double Loop(LimitReqZone* zone, const std::vector<std::string>& keys, int times, uint64_t seed, bool decide,
            clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  const LimitSpec limit = {zone, 1000, kMaxTicks, kMaxTicks, false};
  Decision decision;
  uint64_t sum = 0;
  const double begin = Now(clock);
  for (int i = 0; i < times; ++i) {
    const std::string_view key = keys[Random(&seed) % keys.size()];
    if (decide) {
      Decide(&limit, &key, 1, 1000000 + i / 10000, &decision);
      sum += static_cast<uint64_t>(decision.excess);
    } else {
      sum += static_cast<unsigned char>(key[0]);
    }
  }
  const double took = (Now(clock) - begin) / times;
  sink = sum;
  return took;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Bench(size_t key_count, size_t zone_size) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < key_count; ++i) {
    keys.push_back("192.168." + std::to_string(i >> 8) + "." + std::to_string(i & 255));
  }
  LimitReqZone zone;
  if (zone.Format(Map(zone_size), zone_size, "bench", "$k") != ZoneStatus::kOk) abort();
  const LimitSpec limit = {&zone, 1000, kMaxTicks, kMaxTicks, false};
  Decision decision;
  for (const std::string& key : keys) {
    const std::string_view view = key;
    Decide(&limit, &view, 1, 1000000, &decision);
  }
  constexpr int kTimes = 200000;
  std::vector<double> alone, loop, two;
  std::atomic<int>* gate = reinterpret_cast<std::atomic<int>*>(Map(4096));
  double* other = reinterpret_cast<double*>(gate) + 8;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t seed = static_cast<uint64_t>(round) + 99;
    loop.push_back(Loop(&zone, keys, kTimes, seed, false));
    alone.push_back(Loop(&zone, keys, kTimes, seed, true));
    *gate = 0;
    const pid_t child = fork();
    if (child == 0) {
      Loop(&zone, keys, 1000, 5, true);
      gate->fetch_add(1);
      while (*gate != 2) {
      }
      *other = Loop(&zone, keys, kTimes, seed + 1000, true, CLOCK_MONOTONIC);
      _exit(0);
    }
    while (*gate != 1) {
    }
    gate->fetch_add(1);
    const double mine = Loop(&zone, keys, kTimes, seed, true, CLOCK_MONOTONIC);
    waitpid(child, nullptr, 0);
    two.push_back(std::max(mine, *other));
  }
  const ZoneStats stats = zone.Stats();
  const double empty = Median(loop);
  const double one = Median(alone) - empty;
  const double both = Median(two) - empty;
  printf(
      "%8zu keys, %2llu shards: %5.1f ns (loop %4.1f); two processes %6.1f ns each, %4.2f x the decisions of one; "
      "spins %llu sleeps %llu\n",
      key_count, static_cast<unsigned long long>(stats.shards), one, empty, both, 2 * one / both,
      static_cast<unsigned long long>(stats.lock_spins), static_cast<unsigned long long>(stats.lock_sleeps));
}

void BenchParts() {
  Shmtx* mutex = reinterpret_cast<Shmtx*>(Map(4096));
  mutex->Create();
  constexpr int kTimes = 1000000;
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = Now();
    for (int i = 0; i < kTimes; ++i) {
      mutex->Lock();
      mutex->Unlock();
    }
    rounds.push_back((Now() - begin) / kTimes);
  }
  printf("lock and unlock, uncontended: %.1f ns\n", Median(rounds));
}

// New keys all the time: insertions into a full zone, each with an eviction.
void BenchFlood() {
  const size_t size = size_t{10} << 20;
  LimitReqZone zone;
  if (zone.Format(Map(size), size, "bench", "$k") != ZoneStatus::kOk) abort();
  const LimitSpec limit = {&zone, 1000, 0, 0, false};
  Decision decision;
  constexpr int kTimes = 2000000;
  const double begin = Now();
  for (int i = 0; i < kTimes; ++i) {
    char text[16];
    for (int digit = 0, rest = i; digit < 8; ++digit, rest /= 10) text[digit] = static_cast<char>('0' + rest % 10);
    const std::string_view key(text, 8);
    Decide(&limit, &key, 1, 1000000 + i / 1000, &decision);
  }
  printf("flood of new keys into 10m: %.1f ns each, %llu evicted\n", (Now() - begin) / kTimes,
         static_cast<unsigned long long>(zone.Stats().evicted_idle));
}

}  // namespace
}  // namespace sluice

int main() {
  sluice::BenchParts();
  sluice::Bench(1000, size_t{1} << 20);
  sluice::Bench(1000, size_t{10} << 20);
  sluice::Bench(100000, size_t{16} << 20);
  sluice::Bench(1000000, size_t{128} << 20);
  sluice::BenchFlood();
  return 0;
}
