// A limit_conn zone as one process sees it: how many connections are held under a key, over all processes, and by whom.
// As with LimitReqZone (limit_req_zone.h) the zone lies in shared memory that the caller keeps mapped, and this is the
// handle on it; all functions may be called from any thread.
//
// A handle that has acquired connections is an owner in the zone. What it holds is returned by Release, by its
// destructor, or after the death of its process by ReturnHolds (the master, who knows of the death) or ReturnDead
// (anybody, who looks for dead processes).

#ifndef SLUICE_CORE_LIMIT_CONN_ZONE_H_
#define SLUICE_CORE_LIMIT_CONN_ZONE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/zone_header.h"
#include "core/zone_node.h"

namespace sluice {

// What AcquireConnections() returns when it is not the number of holds (> 0); the same numbers as LIMIT_* in
// src/native/addon.ts.
constexpr int kConnRejected = -1;      // a key has as many connections as it may
constexpr int kConnNotAccounted = -2;  // every key was empty or too long
constexpr int kConnNoMemory = -3;      // no room for a share

constexpr int kMaxConnLimits = 16;  // limits of one location
// Zones that are in use for one limit: its own, and what is left of it from before it was resized.
constexpr int kMaxConnZones = 4;
constexpr size_t kMaxConnKeyLength = 255;    // longer keys are skipped, as in nginx
constexpr uint32_t kMaxConnections = 65535;  // that a limit may allow

struct ConnZoneStats {
  // Since the zone was formatted, over all processes.
  uint64_t passed = 0;
  uint64_t rejected = 0;  // those for lack of memory included
  uint64_t rejected_dry_run = 0;
  uint64_t allocation_failures = 0;
  uint64_t returned = 0;  // connections that a dead process held
  uint64_t lock_spins = 0;
  uint64_t lock_sleeps = 0;
  uint64_t repairs = 0;
  // Now.
  uint64_t connections = 0;
  uint64_t nodes = 0;   // pairs of a key and an owner
  uint64_t owners = 0;  // handles that hold connections or have held some
};

class LimitConnZone;

// One connection held under one key.
struct ConnHold {
  LimitConnZone* zone = nullptr;
  NodePtr share{};
  uint32_t hash = 0;
  uint32_t owner_serial = 0;
};

class LimitConnZone {
 public:
  LimitConnZone() = default;
  // Returns what this handle holds. REQUIRES: if it is bound, the zone is still mapped.
  ~LimitConnZone() { Detach(); }
  LimitConnZone(const LimitConnZone&) = delete;
  LimitConnZone& operator=(const LimitConnZone&) = delete;

  // As LimitReqZone::Format and Attach.
  ZoneStatus Format(void* base, size_t size, std::string_view name, std::string_view key_text);
  ZoneStatus Attach(void* base, size_t size, std::string_view name);

  // The same for a zone that will take over from `older`, of which it has name and key.
  ZoneStatus FormatSuccessor(void* base, size_t size, const LimitConnZone& older);

  // A zone is resized by making another one. New connections are counted there from Close() on; those of before stay
  // where they are until they end, and a key's count is the sum. Not all that is held could be moved: the processes
  // that hold it know where. REQUIRES: `successor` is used as long as this handle is. False, and nothing has changed,
  // if that is no zone made for this one.
  bool SetSuccessor(LimitConnZone* successor);
  LimitConnZone* successor() const { return successor_; }
  // REQUIRES: it has a successor, and all processes that use this zone know it.
  void Close();
  // Closed, and nobody holds a connection here any more.
  bool IsDrained();
  // Once it is: becomes a handle on the successor's memory, and needs its own no more. REQUIRES: no other thread uses
  // this handle.
  bool Follow();

  // Returns what this handle holds and unbinds it.
  void Detach();

  // Gives one connection back. False if it is not held any more: it was returned already, or lost with damaged memory.
  bool Release(const ConnHold& hold);

  // To be called after process `pid` of this pid namespace has died: takes the zone's lock over if it held it, and
  // repairs what it left half done. True if it held it, also when a waiter has recovered the lock in the meantime.
  bool ForceUnlock(pid_t pid);

  // To be called after process `pid` of this pid namespace has died: gives back all that it held, and forgets it.
  // Returns how many connections that were.
  uint64_t ReturnHolds(pid_t pid);

  // The same for all owners whose process exists no more. For whoever notices that nobody else did: a refusal may be
  // due to a worker that died while there was no master. Asks the system about every owner.
  uint64_t ReturnDead();

  // Takes no lock: a snapshot of each number, not of all of them. With those of the successor.
  ConnZoneStats Stats() const;

  // Walks tree, queues and slab under the lock; the text of the first broken invariant, or empty. And the successor's.
  std::string Check();

  // About how many keys of `key_length` bytes a zone of `size` bytes holds, if each is used by one process; 0 when not
  // even one fits.
  static size_t Capacity(size_t size, size_t key_length);

  // Both live in the mapping and were written once, by Format.
  std::string_view name() const { return zone_.name(); }
  std::string_view key_text() const { return zone_.key_text(); }
  bool is_bound() const { return zone_.base != nullptr; }

  // For the code of native/core.
  char* base() const { return zone_.base; }
  const ZoneGeometry& geometry() const { return zone_.geometry; }
  uint64_t uid() const { return zone_.uid; }

  // This handle as an owner: where its record lies, if it still does. Guarded by the zone's lock.
  struct Registration {
    NodePtr owner{};
    uint32_t serial = 0;  // 0 = not registered
    uint32_t pid = 0;     // a child does not own what its parent holds
  };
  Registration& registration() { return registration_; }

 private:
  ZoneStatus FormatAfter(const ZoneBinding* older, void* base, size_t size, std::string_view name,
                         std::string_view key_text);

  ZoneBinding zone_;
  LimitConnZone* successor_ = nullptr;
  Registration registration_;
};

// One limit of a location: at most `connections` (1..kMaxConnections) held under a key of `zone`.
struct ConnLimit {
  LimitConnZone* zone = nullptr;
  uint32_t connections = 0;
  bool dry_run = false;  // decides only which counter of the zone is bumped
};

// Decides the `n` (<= kMaxConnLimits) limits of one location in one go, under the locks of all their zones: either one
// connection is held under every usable key or none is. In nginx's order: the first limit in the list that refuses is
// the one that is reported, and those behind it are not looked at. An empty key, or one above kMaxConnKeyLength, skips
// its limit. Returns the number of holds, written to `holds` (room for n), or one of the codes above; `index` gets the
// place of the limit that refused.
int AcquireConnections(const ConnLimit* limits, const std::string_view* keys, int n, ConnHold* holds, int* index);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_CONN_ZONE_H_
