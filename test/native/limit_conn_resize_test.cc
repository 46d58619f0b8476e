// A limit_conn zone and its successor: connections of before stay where they are, a key's count is the sum.

#include <string>

#include "child_process.h"
#include "conn_fixture.h"
#include "core/fault_point.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

// Zones that succeed each other, in one process.
struct ConnResize {
  ConnResize() : bytes(128 * 1024), last_bytes(32 * 1024) {
    if (next.FormatSuccessor(bytes.base(), bytes.size(), old.zone) != ZoneStatus::kOk) abort();
    if (last.FormatSuccessor(last_bytes.base(), last_bytes.size(), next) != ZoneStatus::kOk) abort();
    if (!old.zone.SetSuccessor(&next)) abort();
  }

  // Handles go before the memory that they may have something to write into.
  SharedBytes bytes, last_bytes;
  LimitConnZone last, next;
  ConnTestZone old;
};

TEST("conn resize: until the old zone is closed it counts, then both do") {
  ConnResize r;
  EXPECT_EQ(r.old.Take("a", 2), 1);
  const ConnHold first = r.old.hold;
  EXPECT_EQ(r.next.Stats().connections, 0u);
  EXPECT(!r.old.zone.IsDrained());
  r.old.zone.Close();
  EXPECT_EQ(r.old.Take("a", 2), 1);
  const ConnHold second = r.old.hold;
  EXPECT(second.zone == &r.next);
  EXPECT_EQ(r.next.Stats().connections, 1u);
  EXPECT_EQ(r.old.zone.Stats().connections, 2u);
  EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
  EXPECT(!r.old.zone.Follow());
  EXPECT(first.zone->Release(first));
  EXPECT(r.old.zone.IsDrained());
  EXPECT_EQ(r.old.Take("a", 2), 1);
  EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
  EXPECT_EQ(r.old.zone.Check(), "");
  EXPECT(r.old.zone.Follow());
  EXPECT(r.old.zone.base() == r.bytes.base());
  EXPECT_EQ(r.old.zone.Stats().passed, 3u);
  EXPECT_EQ(r.old.zone.Stats().rejected, 2u);
  EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
  EXPECT(second.zone->Release(second));
  EXPECT_EQ(r.old.Take("a", 2), 1);
  EXPECT_EQ(r.old.zone.Check(), "");
}

TEST("conn resize: again while both still hold connections") {
  ConnResize r;
  EXPECT(r.next.SetSuccessor(&r.last));
  EXPECT_EQ(r.old.Take("a", 3), 1);
  const ConnHold first = r.old.hold;
  r.old.zone.Close();
  EXPECT_EQ(r.old.Take("a", 3), 1);
  const ConnHold second = r.old.hold;
  r.next.Close();
  EXPECT_EQ(r.old.Take("a", 3), 1);
  EXPECT(r.old.hold.zone == &r.last);
  EXPECT_EQ(r.old.Take("a", 3), kConnRejected);
  EXPECT(second.zone->Release(second));
  EXPECT(first.zone->Release(first));
  EXPECT(r.old.zone.Follow());
  EXPECT(r.old.zone.Follow());
  EXPECT(r.old.zone.base() == r.last_bytes.base());
  EXPECT_EQ(r.old.Take("a", 2), 1);
  EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
}

TEST("conn resize: what the dead held is given back in both") {
  ConnResize r;
  r.old.zone.Close();
  const pid_t child = Fork([&] {
    // In the old one as somebody did who had not seen that it is closed.
    LimitConnZone unknowing;
    if (unknowing.Attach(r.old.bytes.base(), r.old.bytes.size(), "one") != ZoneStatus::kOk) return 2;
    if (r.old.TakeBy(&unknowing, "a") != 1 || r.old.Take("a") != 1) return 3;
    kill(getpid(), SIGKILL);
    return 4;
  });
  EXPECT(WasKilled(Wait(child)));
  EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
  EXPECT_EQ(r.old.zone.ReturnHolds(child), 1u);
  EXPECT_EQ(r.next.ReturnHolds(child), 1u);
  EXPECT_EQ(r.old.Take("a", 1), 1);
}

TEST("conn resize: a death at any fault point of closing leaves it open or closed") {
  for (int n = 1;; ++n) {
    ConnResize r;
    EXPECT_EQ(r.old.Take("a", 1), 1);
    const pid_t child = Fork([&] {
      ArmFaultPoint(n);
      r.old.zone.Close();
      return 0;
    });
    if (!WasKilled(Wait(child))) break;
    EXPECT_EQ(r.old.Take("a", 1), kConnRejected);
    EXPECT_EQ(r.old.Take("a", 2), 1);
    r.old.zone.Close();
    EXPECT_EQ(r.old.Take("a", 2), kConnRejected);
    EXPECT_EQ(r.old.zone.Check(), "");
  }
}

TEST("conn resize: a mark of no zone that we know is ignored") {
  ConnResize r;
  ConnView(&r.old.zone).state()->closed = SuccessorMark(12345);
  EXPECT_EQ(r.old.Take("a", 1), 1);
  EXPECT(r.old.hold.zone == &r.old.zone);
}

}  // namespace
}  // namespace test
}  // namespace sluice
