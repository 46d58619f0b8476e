// Time in a zone file: over a reboot, with wall clocks that are set or wrong, and with damaged notes.

#include <string>

#include "child_process.h"
#include "core/fault_point.h"
#include "test.h"
#include "zone_file_fixture.h"

namespace sluice {
namespace test {
namespace {

TEST("zone clock: over a reboot as much time goes by as the wall clock says") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000);
  for (int reboot = 0; reboot < 3; ++reboot) {
    Reboot(user, 2000);
    EXPECT_EQ(user.Open(), "");
    EXPECT(user.opened.origin == ZoneFileOrigin::kRecovered);
    EXPECT_EQ(user.Hit("key", 10000), 0);
    // Two seconds at one request per second, and this one.
    EXPECT_EQ(user.decision.excess, 10000 - 1000 * (reboot + 1));
  }
  // And on with the clock of this boot.
  user.now.monotonic_ms += 3000;
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 5000);
}

TEST("zone clock: a wall clock that was set is believed as of when it was noted") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  user.now.wall_ms += 100 * kMinute;
  user.zone.clock().Note(user.now);
  Reboot(user, 1000);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000);
}

TEST("zone clock: time does not run backwards when the wall clock has forgotten the year") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  // Charged after the last note.
  user.now.monotonic_ms += 500;
  user.Hit("late", 0);
  Reboot(user, -50LL * 365 * 24 * 60 * kMinute);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 10000), kRejected);
  EXPECT_EQ(user.Hit("late", 0), kRejected);
  user.now.monotonic_ms += 1000;
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.Hit("late", 0), 0);
}

TEST("zone clock: a process that dies between the steps of a recovery only leaves it to the next one") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  Reboot(user, 1000);
  const pid_t probe = Fork([&] {
    ArmFaultPoint(0);
    return user.Open() == "" ? FaultPointCrossings() : 0;
  });
  const int status = Wait(probe);
  ASSERT(WIFEXITED(status) && WEXITSTATUS(status) > 5);
  // Each recovery of the list leaves the file as if it had not been, so one file serves for all.
  for (int crossing = 1; crossing <= WEXITSTATUS(status); ++crossing) {
    user.now.boot[0]++;
    user.now.wall_ms += 1;
    const pid_t child = Fork([&] {
      ArmFaultPoint(crossing);
      return user.Open() == "" ? 0 : 1;
    });
    EXPECT(WasKilled(Wait(child)));
  }
  Reboot(user, 1000);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.zone.Check(), "");
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000 - 1000 - WEXITSTATUS(status));
}

// Changes the clock in a file that nobody uses.
template <class Change>
void ChangeClock(User& user, Change change) {
  user.Close();
  ZoneHeader header;
  const int fd = open(user.request.path.c_str(), O_RDWR);
  EXPECT(pread(fd, &header, sizeof(header), 0) == sizeof(header));
  change(&header.clock);
  EXPECT(pwrite(fd, &header, sizeof(header), 0) == sizeof(header));
  close(fd);
}

TEST("zone clock: a damaged offset is made anew from the note") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  ChangeClock(user, [](ZoneClock* clock) { clock->offset_ms += 100 * kMinute; });
  user.now.monotonic_ms += 2000;
  user.now.wall_ms += 2000;
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 9000);
}

TEST("zone clock: with a damaged note nothing drains over a reboot") {
  for (const int field : {0, 1, 2}) {
    Folder folder;
    User user(folder / "zone");
    EXPECT_EQ(user.Open(), "");
    for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
    for (int i = 0; i <= 10; ++i) user.Hit("other", 10000);
    Reboot(user, 2000);
    ChangeClock(user, [field](ZoneClock* clock) {
      if (field == 0) clock->wall_offset_ms -= 100 * kMinute;
      if (field == 1) clock->noted_ms += 100 * kMinute;
      if (field == 2) clock->note_check ^= 1;
    });
    EXPECT_EQ(user.Open(), "");
    EXPECT_EQ(user.Hit("key", 10000), kRejected);
    user.now.monotonic_ms += 1000;
    EXPECT_EQ(user.Hit("key", 10000), 0);
    // And what is noted from now on counts again: one second has gone by since then, and another one.
    Reboot(user, 2000);
    EXPECT_EQ(user.Open(), "");
    EXPECT_EQ(user.Hit("key", 10000), 0);
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
