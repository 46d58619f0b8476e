// Decisions of limit_conn: the limit itself, several limits together, random sequences of several processes' handles
// against a map, a full zone, attaching, threads.

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "conn_fixture.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

TEST("limit_conn: as many connections as the limit says are held at once, and one more when one was released") {
  ConnTestZone t;
  ConnHold holds[3];
  for (ConnHold& hold : holds) {
    EXPECT_EQ(t.Take("k", 3), 1);
    hold = t.hold;
  }
  EXPECT_EQ(t.Take("k", 3), kConnRejected);
  EXPECT_EQ(t.Take("other", 3), 1);
  EXPECT(t.zone.Release(holds[1]));
  EXPECT_EQ(t.Take("k", 3), 1);
  EXPECT_EQ(t.Take("k", 3), kConnRejected);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: a key's node exists exactly while connections are held under it") {
  ConnTestZone t;
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  t.Take("k");
  const ConnHold first = t.hold;
  t.Take("k");
  EXPECT_EQ(t.zone.Stats().nodes, 1u);
  EXPECT_EQ(t.zone.Stats().connections, 2u);
  t.zone.Release(first);
  EXPECT_EQ(t.zone.Stats().nodes, 1u);
  t.zone.Release(t.hold);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  EXPECT_EQ(t.zone.Stats().connections, 0u);
}

TEST("limit_conn: what is released twice, or by somebody else, counts once") {
  ConnTestZone t;
  LimitConnZone other;
  ASSERT(other.Attach(t.bytes.base(), t.bytes.size(), "one") == ZoneStatus::kOk);
  t.Take("k");
  const ConnHold hold = t.hold;
  t.TakeBy(&other, "k");
  EXPECT(!other.Release(hold));
  EXPECT(t.zone.Release(hold));
  EXPECT(!t.zone.Release(hold));
  EXPECT_EQ(t.Held("k"), 1u);
}

TEST("limit_conn: keys of 1 to 255 bytes are told apart by every byte, others are skipped") {
  ConnTestZone t(256 * 1024);
  for (const size_t length : {size_t{1}, size_t{4}, size_t{16}, size_t{24}, size_t{25}, size_t{88}, size_t{255}}) {
    const std::string key(length, 'k');
    std::string last = key;
    last.back() = 'l';
    EXPECT_EQ(t.Take(key, 1), 1);
    EXPECT_EQ(t.Take(key, 1), kConnRejected);
    EXPECT_EQ(t.Take(last, 1), 1);
  }
  EXPECT_EQ(t.Take("", 1), kConnNotAccounted);
  EXPECT_EQ(t.Take(std::string(256, 'k'), 1), kConnNotAccounted);
  EXPECT_EQ(t.Take(std::string(1, '\0'), 1), 1);
  EXPECT_EQ(t.Take(std::string(2, '\0'), 1), 1);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: keys with the same hash are told apart") {
  ASSERT(Crc32("plumless") == Crc32("buckeroo"));
  ConnTestZone t;
  EXPECT_EQ(t.Take("plumless", 1), 1);
  EXPECT_EQ(t.Take("buckeroo", 1), 1);
  EXPECT_EQ(t.Take("plumless", 1), kConnRejected);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: several limits are all taken or none is, and the first that refuses is named") {
  ConnTestZone a(64 * 1024, "a"), b(64 * 1024, "b");
  const ConnLimit limits[] = {{&a.zone, 3, false}, {&b.zone, 1, false}};
  ConnHold holds[2];
  int index = -1;
  const std::string_view same[] = {"k", "k"};
  EXPECT_EQ(AcquireConnections(limits, same, 2, holds, &index), 2);
  EXPECT_EQ(AcquireConnections(limits, same, 2, holds, &index), kConnRejected);
  EXPECT_EQ(index, 1);
  EXPECT_EQ(a.Held("k"), 1u);
  // A new key of the first zone is not left behind either.
  const std::string_view fresh[] = {"fresh", "k"};
  EXPECT_EQ(AcquireConnections(limits, fresh, 2, holds, &index), kConnRejected);
  EXPECT_EQ(a.zone.Stats().nodes, 1u);
  const std::string_view skipped[] = {"k", ""};
  EXPECT_EQ(AcquireConnections(limits, skipped, 2, holds, &index), 1);
  EXPECT(holds[0].zone == &a.zone);
  EXPECT_EQ(AcquireConnections(limits, skipped, 2, holds, &index), 1);
  EXPECT_EQ(AcquireConnections(limits, same, 2, holds, &index), kConnRejected);
  EXPECT_EQ(index, 0);
  EXPECT_EQ(a.zone.Stats().rejected, 1u);
  EXPECT_EQ(b.zone.Stats().rejected, 2u);
  EXPECT_EQ(a.zone.Stats().passed, 3u);
  EXPECT_EQ(a.zone.Check(), "");
  EXPECT_EQ(b.zone.Check(), "");
}

TEST("limit_conn: two keys of one zone in one decision are both counted") {
  ConnTestZone t;
  const ConnLimit limits[] = {{&t.zone, 2, false}, {&t.zone, 2, false}};
  const std::string_view keys[] = {"k", "k"};
  ConnHold holds[2];
  int index = -1;
  EXPECT_EQ(AcquireConnections(limits, keys, 2, holds, &index), 2);
  EXPECT_EQ(t.Held("k"), 2u);
  EXPECT_EQ(AcquireConnections(limits, keys, 2, holds, &index), kConnRejected);
  for (const ConnHold& hold : holds) EXPECT(t.zone.Release(hold));
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
}

TEST("limit_conn: dry run decides the same and is counted apart") {
  ConnTestZone t;
  const ConnLimit limit = {&t.zone, 1, true};
  const std::string_view key = "k";
  ConnHold hold;
  int index;
  EXPECT_EQ(AcquireConnections(&limit, &key, 1, &hold, &index), 1);
  EXPECT_EQ(AcquireConnections(&limit, &key, 1, &hold, &index), kConnRejected);
  EXPECT_EQ(t.zone.Stats().rejected, 0u);
  EXPECT_EQ(t.zone.Stats().rejected_dry_run, 1u);
}

// A handle as another process would have it, what it holds, and the model of all that is held.
struct Worker {
  LimitConnZone a, b;
  std::vector<std::pair<std::vector<ConnHold>, std::vector<std::string>>> requests;
};

TEST("limit_conn: random requests of several owners through several limits agree with a map") {
  for (uint64_t seed = 1; seed <= 40u / static_cast<unsigned>(Slowdown()) + 1; ++seed) {
    Random random(seed);
    ConnTestZone a(256 * 1024, "a"), b(256 * 1024, "b");
    std::map<std::string, uint64_t> model;  // "a:key", "b:key"
    std::vector<std::unique_ptr<Worker>> workers(1 + random.Below(5));
    const auto attach = [&](std::unique_ptr<Worker>& worker) {
      worker = std::make_unique<Worker>();
      ASSERT(worker->a.Attach(a.bytes.base(), a.bytes.size(), "a") == ZoneStatus::kOk);
      ASSERT(worker->b.Attach(b.bytes.base(), b.bytes.size(), "b") == ZoneStatus::kOk);
    };
    for (auto& worker : workers) attach(worker);
    const auto give_back = [&](const std::vector<std::string>& names) {
      for (const std::string& name : names) {
        if (--model[name] == 0) model.erase(name);
      }
    };
    const uint32_t limit_a = 1 + static_cast<uint32_t>(random.Below(6));
    const uint32_t limit_b = 1 + static_cast<uint32_t>(random.Below(6));
    for (int step = 0; step < 3000; ++step) {
      auto& worker = workers[random.Below(workers.size())];
      const uint64_t dice = random.Below(1000);
      if (dice < 3) {
        // The worker ends; all it held is free.
        for (const auto& request : worker->requests) give_back(request.second);
        attach(worker);
      } else if (dice < 480 && !worker->requests.empty()) {
        const size_t at = random.Below(worker->requests.size());
        for (const ConnHold& hold : worker->requests[at].first) EXPECT(hold.zone->Release(hold));
        give_back(worker->requests[at].second);
        worker->requests.erase(worker->requests.begin() + static_cast<long>(at));
      } else {
        const std::string key_a = random.Below(8) == 0 ? "" : ConnKey(static_cast<int>(random.Below(12)));
        const std::string key_b =
            random.Below(8) == 0 ? std::string(256, 'x') : ConnKey(static_cast<int>(random.Below(12)));
        const ConnLimit limits[] = {{&worker->a, limit_a, false}, {&worker->b, limit_b, false}};
        const std::string_view keys[] = {key_a, key_b};
        int expected = 0;
        int expected_index = -1;
        std::vector<std::string> names;
        if (!key_a.empty()) {
          if (model["a:" + key_a] >= limit_a) expected_index = 0;
          names.push_back("a:" + key_a);
        }
        if (key_b.size() < 256) {
          if (expected_index < 0 && model["b:" + key_b] >= limit_b) expected_index = 1;
          names.push_back("b:" + key_b);
        }
        expected = names.empty()         ? kConnNotAccounted
                   : expected_index >= 0 ? kConnRejected
                                         : static_cast<int>(names.size());
        ConnHold holds[2];
        int index = -1;
        EXPECT_EQ(AcquireConnections(limits, keys, 2, holds, &index), expected);
        EXPECT_EQ(index, expected_index);
        if (expected > 0) {
          for (const std::string& name : names) ++model[name];
          worker->requests.push_back({std::vector<ConnHold>(holds, holds + expected), names});
        }
      }
      if (step % 100 == 0) {
        EXPECT_EQ(a.zone.Check(), "");
        EXPECT_EQ(b.zone.Check(), "");
        for (int i = 0; i < 12; ++i) {
          const auto held = [&](const std::string& name) {
            const auto found = model.find(name);
            return found == model.end() ? 0 : found->second;
          };
          EXPECT_EQ(a.Held(ConnKey(i)), held("a:" + ConnKey(i)));
          EXPECT_EQ(b.Held(ConnKey(i)), held("b:" + ConnKey(i)));
        }
      }
    }
    workers.clear();
    EXPECT_EQ(a.zone.Stats().connections, 0u);
    EXPECT_EQ(a.zone.Stats().owners, 0u);
    EXPECT_EQ(b.zone.Stats().nodes, 0u);
    EXPECT_EQ(a.zone.Check(), "");
  }
}

TEST("limit_conn: a full zone refuses new keys, still counts known ones, and gives all memory back") {
  for (const size_t length : {size_t{4}, size_t{16}, size_t{60}, size_t{200}}) {
    ConnTestZone t(32 * 1024);
    const size_t capacity = LimitConnZone::Capacity(t.bytes.size(), length);
    std::vector<ConnHold> holds;
    const auto key = [&](size_t i) {
      std::string text = std::to_string(i);
      text.resize(length, '.');
      return text;
    };
    for (size_t i = 0; t.Take(key(i)) == 1; ++i) holds.push_back(t.hold);
    EXPECT_EQ(holds.size(), capacity);
    EXPECT_EQ(t.Take(key(capacity + 1)), kConnNoMemory);
    EXPECT_EQ(t.zone.Stats().allocation_failures, 2u);
    EXPECT_EQ(t.zone.Stats().rejected, 2u);
    EXPECT_EQ(t.Take(key(7)), 1);
    EXPECT_EQ(t.Held(key(7)), 2u);
    EXPECT(t.zone.Release(t.hold));
    EXPECT_EQ(t.zone.Check(), "");
    EXPECT(t.zone.Release(holds[3]));
    EXPECT_EQ(t.Take(key(capacity + 1)), 1);
    t.zone.Release(t.hold);
    holds.erase(holds.begin() + 3);
    for (const ConnHold& hold : holds) EXPECT(t.zone.Release(hold));
    EXPECT_EQ(t.zone.Stats().nodes, 0u);
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("limit_conn: a request that one limit has no memory for leaves nothing in the others") {
  ConnTestZone a(64 * 1024, "a"), b(32 * 1024, "b");
  for (int i = 0; b.Take(ConnKey(i)) == 1; ++i) {
  }
  const ConnLimit limits[] = {{&a.zone, 3, false}, {&b.zone, 3, false}};
  const std::string_view keys[] = {"k", "new"};
  ConnHold holds[2];
  int index = -1;
  EXPECT_EQ(AcquireConnections(limits, keys, 2, holds, &index), kConnNoMemory);
  EXPECT_EQ(index, 1);
  EXPECT_EQ(a.zone.Stats().nodes, 0u);
}

TEST("limit_conn: a zone full of others' connections refuses a new owner, and takes it when there is room") {
  ConnTestZone t(32 * 1024);
  std::vector<ConnHold> holds;
  for (int i = 0; t.Take(ConnKey(i)) == 1; ++i) holds.push_back(t.hold);
  LimitConnZone late;
  ASSERT(late.Attach(t.bytes.base(), t.bytes.size(), "one") == ZoneStatus::kOk);
  EXPECT_EQ(t.TakeBy(&late, ConnKey(0)), kConnNoMemory);
  t.zone.Release(holds[0]);
  t.zone.Release(holds[1]);
  EXPECT_EQ(t.TakeBy(&late, ConnKey(0)), 1);
  EXPECT_EQ(t.zone.Check(), "");
  late.Detach();
}

TEST("limit_conn: attaching finds what was formatted, and memory that is something else is refused") {
  ConnTestZone t;
  t.Take("k", 1);
  LimitConnZone other;
  const auto attach = [&](const char* name, size_t size) { return other.Attach(t.bytes.base(), size, name); };
  EXPECT(attach("two", t.bytes.size()) == ZoneStatus::kBadName);
  EXPECT(attach("one", t.bytes.size() - 4096) == ZoneStatus::kBadSize);
  EXPECT(attach("one", t.bytes.size()) == ZoneStatus::kOk);
  EXPECT_EQ(std::string(other.key_text()), "$binary_remote_addr");
  EXPECT_EQ(t.TakeBy(&other, "k", 1), kConnRejected);
  // Of the other kind of zone only the magic differs.
  LimitReqZone req;
  EXPECT(req.Attach(t.bytes.base(), t.bytes.size(), "one") == ZoneStatus::kBadMagic);
  TestZone requests;
  EXPECT(other.Attach(requests.bytes.base(), requests.bytes.size(), "one") == ZoneStatus::kBadMagic);
  EXPECT(!other.is_bound());
  LimitConnZone small;
  SharedBytes page(kPageSize);
  EXPECT(small.Format(page.base(), page.size(), "one", "$uri") == ZoneStatus::kTooSmall);
}

TEST("limit_conn: threads with a handle each never hold more than the limit") {
  ConnTestZone t(128 * 1024);
  constexpr int kThreads = 4;
  constexpr int kKeys = 3;
  constexpr uint32_t kLimit = 2;
  std::atomic<int> inside[kKeys] = {};
  std::atomic<int> over{0};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      LimitConnZone own;
      // Two of the threads share a handle: it may be used from any.
      LimitConnZone* zone = &t.zone;
      if (i >= 2 && own.Attach(t.bytes.base(), t.bytes.size(), "one") == ZoneStatus::kOk) zone = &own;
      Random random(static_cast<uint64_t>(i) + 1);
      for (int step = 0; step < 20000 / Slowdown(); ++step) {
        const size_t k = random.Below(kKeys);
        const std::string key = ConnKey(static_cast<int>(k));
        const std::string_view view = key;
        const ConnLimit limit = {zone, kLimit, false};
        ConnHold hold;
        int index;
        if (AcquireConnections(&limit, &view, 1, &hold, &index) < 0) continue;
        if (inside[k].fetch_add(1) >= static_cast<int>(kLimit)) over.fetch_add(1);
        taken.fetch_add(1);
        inside[k].fetch_sub(1);
        if (!zone->Release(hold)) over.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(over.load(), 0);
  EXPECT(taken.load() > 0);
  EXPECT_EQ(t.zone.Stats().connections, 0u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: threads that decide two zones in opposite orders do not deadlock") {
  ConnTestZone a(64 * 1024, "a"), b(64 * 1024, "b");
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      const ConnLimit limits[] = {{i == 0 ? &a.zone : &b.zone, 1, false}, {i == 0 ? &b.zone : &a.zone, 1, false}};
      const std::string_view keys[] = {"k", "k"};
      for (int step = 0; step < 20000 / Slowdown(); ++step) {
        ConnHold holds[2];
        int index;
        if (AcquireConnections(limits, keys, 2, holds, &index) == 2) {
          for (const ConnHold& hold : holds) hold.zone->Release(hold);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(a.zone.Stats().connections, 0u);
  EXPECT_EQ(b.zone.Check(), "");
}

}  // namespace
}  // namespace test
}  // namespace sluice
