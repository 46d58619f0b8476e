// What a limit_conn zone keeps: shares and owners.
//
//   ConnShare   the connections that one owner holds under one key. A key that several owners use has a share for each;
//               they stand side by side in the tree, and the key's count is their sum. There is no other count that
//               could disagree. A share exists exactly while its count is above 0.
//   ConnOwner   a process (or a thread with a handle of its own) that holds connections, with the queue of its shares.
//               It exists from its first connection until the process has returned all and detached, or has died and
//               somebody returned what it held.
//
// So every connection belongs to somebody who can be asked for, a death returns exactly what the dead one held, and all
// that is not in these records (tree, queues, sums) can be made anew from them.

#ifndef SLUICE_CORE_LIMIT_CONN_NODE_H_
#define SLUICE_CORE_LIMIT_CONN_NODE_H_

#include <cstddef>
#include <cstdint>

#include "core/lru_queue.h"
#include "core/process_identity.h"
#include "core/zone_node.h"

namespace sluice {

struct ConnShare {
  ZoneNode head;   // newer and older: the queue of the owner's shares
  NodePtr owner;   // the ConnOwner
  uint32_t count;  // connections, 1..kMaxShareCount

  char* key() { return reinterpret_cast<char*>(this + 1); }
  const char* key() const { return reinterpret_cast<const char*>(this + 1); }
};
static_assert(sizeof(ConnShare) == 40, "part of the layout: keys of up to 24 bytes fit into 64");

constexpr size_t ShareSize(size_t key_length) { return sizeof(ConnShare) + key_length; }

// Far above what one process can hold; sums of shares cannot overflow below it.
constexpr uint32_t kMaxShareCount = uint32_t{1} << 28;

struct ConnOwner {
  ZoneNode head;  // newer and older: the queue of all owners
  ProcessIdentity process;
  LruQueue shares;
  uint32_t serial;  // tells it from another owner in the same memory at another time; never 0
  uint32_t reserved;
};
static_assert(sizeof(ConnOwner) == 64, "part of the layout: owners are found through an Arena of ZoneNodes");

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_CONN_NODE_H_
