// Accepts connections on one listening socket that several processes share. Evenness without a lock: each worker counts
// its connections in shared memory, and one that leads the lowest count by kLead leaves what waits to the others, and
// looks again after a millisecond.
//
//   polling ──readable──> turn ──leads──> yielding (1 ms) ──> turn with an allowance ──> ...
//      ^                   │ └──no descriptors──> resting (restMs) ──┐
//      └──── queue empty ──┴─────────────────────────────────────────┘
//
// Whoever has the lowest count may be stuck, and must not throttle the rest; but usually it is only late: it compiles
// its first request, or the scheduler gave its CPU to somebody else. So a leader is patient for kPatience looks while
// the lowest count does not move. Then it is allowed to take one connection a look, then two, four ... When the lowest
// count moves, its worker lives, and patience begins anew.

#include <node_api.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstdint>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "binding/watcher.h"
#include "os/accept.h"

namespace sluice {
namespace {

constexpr int32_t kLead = 4;
constexpr uint64_t kYieldMs = 1;
constexpr int32_t kPatience = 16;  // looks; some 20 ms, once for each time that a sibling is stuck
constexpr int32_t kMaxRestMs = 1 << 30;
constexpr int32_t kMaxPerTurnLimit = 4096;

struct AcceptorOptions {
  int32_t max_per_turn;
  napi_value counters;
  int32_t slot;
  int32_t rest_ms;
};

class Acceptor : public Watcher {
 public:
  static napi_value Create(const Arguments& args, int fd, const AcceptorOptions& options) {
    auto* self = new Acceptor(args.env(), fd, options);
    const WatcherGuard guard(self);
    self->Unref();
    OsError error = self->OpenPoll(&self->poll_, fd);
    if (error.ok()) error = self->OpenTimer(&self->timer_);
    if (!error.ok()) {
      self->Close();
      return ThrowOsError(args.env(), error);
    }
    napi_create_reference(args.env(), options.counters, 1, &self->counters_);
    self->KeepCallback(kOnConnection, args[2]);
    self->KeepCallback(kOnError, args[3]);

    const napi_value object = self->MakeWatchObject();
    self->AddMethod(object, "start", StartMethod);
    self->AddMethod(object, "stop", StopMethod);
    return object;
  }

 private:
  enum { kOnConnection, kOnError };
  enum class State { kStopped, kPolling, kYielding, kResting };

  // The shared counters during one turn. Looked up anew in each turn: JavaScript could have detached the buffer.
  struct Counters {
    int32_t* counts = nullptr;
    size_t length = 0;
  };

  Acceptor(napi_env env, int fd, const AcceptorOptions& options)
      : Watcher(env),
        fd_(fd),
        max_per_turn_(options.max_per_turn),
        slot_(static_cast<size_t>(options.slot)),
        rest_ms_(static_cast<uint64_t>(options.rest_ms)) {}

  static napi_value StartMethod(napi_env env, napi_callback_info info) {
    auto* self = From<Acceptor>(env, info);
    if (self->closed()) {
      napi_throw_error(env, "ERR_ILLEGAL_STATE", "acceptor.start: the acceptor is closed");
    } else if (self->state_ == State::kStopped) {
      self->Poll();
    }
    return MakeUndefined(env);
  }

  static napi_value StopMethod(napi_env env, napi_callback_info info) {
    auto* self = From<Acceptor>(env, info);
    if (!self->closed()) self->Stop();
    return MakeUndefined(env);
  }

  void OnClose() override {
    state_ = State::kStopped;
    if (counters_ != nullptr) napi_delete_reference(env(), counters_);
    counters_ = nullptr;
  }

  void Stop() {
    state_ = State::kStopped;
    uv_poll_stop(&poll_);
    uv_timer_stop(&timer_);
  }

  void Poll() {
    if (state_ == State::kPolling) return;
    state_ = State::kPolling;
    uv_poll_start(&poll_, UV_READABLE, OnReadable);
  }

  void Pause(State state, uint64_t ms) {
    state_ = state;
    uv_poll_stop(&poll_);
    // The loop's own idea of now is as old as the callbacks that this turn ran.
    uv_update_time(environment().loop());
    uv_timer_start(&timer_, OnTimer, ms, 0);
  }

  static void OnReadable(uv_poll_t* poll, int status, int /*events*/) {
    auto* self = From<Acceptor>(poll);
    const WatcherGuard guard(self);
    // uv has stopped the poll of a socket in error; accept4() tells what it is.
    if (status < 0) self->state_ = State::kStopped;
    self->Turn(0);
  }

  static void OnTimer(uv_timer_t* timer) {
    auto* self = From<Acceptor>(timer);
    const WatcherGuard guard(self);
    if (self->state_ == State::kResting) return self->Poll();
    self->Turn(self->allowance_);
  }

  // One turn: accepts until the queue is empty, max_per_turn_ are taken, or this worker leads and has used up what it
  // may take nevertheless.
  void Turn(int32_t allowance) {
    const State entered = state_;
    CallbackTurn turn(environment());
    const Counters counters = FindCounters();
    const int32_t lowest = LowestOf(counters);
    for (int32_t taken = 0; taken < max_per_turn_; taken++) {
      if (taken >= allowance && Leads(counters, lowest)) return Yield(lowest);
      if (!AcceptOne(&turn, counters)) return;
      // JavaScript may have stopped or closed us, even stopped and started.
      if (closed() || state_ != entered) return;
    }
    Poll();
  }

  // False when the turn is over.
  bool AcceptOne(CallbackTurn* turn, const Counters& counters) {
    KernelAddress peer;
    int connection;
    const int code = AcceptConnection(fd_, &connection, &peer);
    if (code == 0) {
      Deliver(turn, counters, connection, peer);
      return true;
    }
    switch (ClassifyAcceptError(code)) {
      case AcceptError::kEmpty:
        Poll();
        return false;
      case AcceptError::kConnection:
        Report(turn, code);
        return true;
      case AcceptError::kListener:
        Pause(State::kResting, rest_ms_);
        Report(turn, code);
        return false;
    }
    return false;
  }

  void Deliver(CallbackTurn* turn, const Counters& counters, int connection, const KernelAddress& peer) {
    const HandleScope scope(env());
    Count(counters, 1);
    napi_value values[4] = {MakeNumber(env(), connection)};
    if (peer.any.sa_family == AF_UNIX) {
      values[1] = MakeText(env(), "unix:", 5);
      values[2] = MakeNumber(env(), 0);
      values[3] = MakeText(env(), "", 0);
    } else {
      char text[kMaxAddressText];
      const size_t length = FormatAddress(peer, text);
      const char* binary;
      const size_t binary_length = BinaryOf(peer, &binary);
      values[1] = MakeText(env(), text, length);
      values[2] = MakeNumber(env(), PortOf(peer));
      values[3] = MakeText(env(), binary, binary_length);
    }
    if (turn->Call(Callback(kOnConnection), 4, values)) return;
    close(connection);
    Count(counters, -1);
  }

  void Report(CallbackTurn* turn, int code) {
    const HandleScope scope(env());
    const napi_value values[] = {MakeErrorCode(env(), code), MakeNumber(env(), code)};
    turn->Call(Callback(kOnError), 2, values);
  }

  Counters FindCounters() const {
    Counters found;
    void* elements = nullptr;
    napi_value array = nullptr;
    napi_get_reference_value(env(), counters_, &array);
    napi_get_typedarray_info(env(), array, nullptr, &found.length, &elements, nullptr, nullptr);
    found.counts = static_cast<int32_t*>(elements);
    if (found.counts == nullptr || found.length <= slot_) return {};
    return found;
  }

  // The lowest count of the others; INT32_MAX when there are none. Relaxed: the counts are a hint about other
  // processes, nothing is published by them.
  int32_t LowestOf(const Counters& counters) const {
    int32_t lowest = INT32_MAX;
    for (size_t i = 0; i < counters.length; i++) {
      if (i == slot_) continue;
      const int32_t count = __atomic_load_n(&counters.counts[i], __ATOMIC_RELAXED);
      if (count >= 0 && count < lowest) lowest = count;
    }
    return lowest;
  }

  bool Leads(const Counters& counters, int32_t lowest) const {
    if (counters.counts == nullptr) return false;
    return int64_t{__atomic_load_n(&counters.counts[slot_], __ATOMIC_RELAXED)} >= int64_t{lowest} + kLead;
  }

  void Count(const Counters& counters, int32_t change) const {
    if (counters.counts != nullptr) __atomic_fetch_add(&counters.counts[slot_], change, __ATOMIC_RELAXED);
  }

  void Yield(int32_t lowest) {
    if (lowest != lowest_before_) {
      lowest_before_ = lowest;
      patience_ = kPatience;
      allowance_ = 0;
    } else if (patience_ > 0) {
      --patience_;
    } else {
      allowance_ = std::min(std::max(1, allowance_ * 2), max_per_turn_);
    }
    Pause(State::kYielding, kYieldMs);
  }

  const int fd_;
  const int32_t max_per_turn_;
  const size_t slot_;
  const uint64_t rest_ms_;  // the pause after EMFILE
  State state_ = State::kStopped;
  int32_t lowest_before_ = -1;  // no count that can be the lowest
  int32_t patience_ = 0;
  int32_t allowance_ = 0;  // what a leader may take in a turn after yielding
  napi_ref counters_ = nullptr;
  uv_poll_t poll_;
  uv_timer_t timer_;
};

bool ReadOptions(const Arguments& args, napi_value object, AcceptorOptions* options) {
  napi_value value;
  int64_t max_per_turn;
  int64_t slot;
  int64_t rest_ms;
  void* elements;
  size_t length;
  const bool read =
      args.ObjectOf(object, "options") && args.Property(object, "maxPerTurn", &value) &&
      args.IntegerOf(value, "options.maxPerTurn", 1, kMaxPerTurnLimit, &max_per_turn) &&
      args.Property(object, "counters", &options->counters) &&
      args.TypedArrayOf(options->counters, "options.counters", napi_int32_array, 1, &elements, &length) &&
      args.Property(object, "slot", &value) &&
      args.IntegerOf(value, "options.slot", 0, static_cast<int64_t>(std::min<size_t>(length, INT32_MAX)) - 1, &slot) &&
      args.Property(object, "restMs", &value) && args.IntegerOf(value, "options.restMs", 0, kMaxRestMs, &rest_ms);
  if (!read) return false;
  options->max_per_turn = static_cast<int32_t>(max_per_turn);
  options->slot = static_cast<int32_t>(slot);
  options->rest_ms = static_cast<int32_t>(rest_ms);
  return true;
}

napi_value JsCreateAcceptor(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createAcceptor");
  int fd;
  AcceptorOptions options;
  if (!args.Fd(0, "fd", &fd) || !ReadOptions(args, args[1], &options) || !args.Function(2, "onConnection") ||
      !args.Function(3, "onError")) {
    return nullptr;
  }
  return Acceptor::Create(args, fd, options);
}

}  // namespace

void ExportAcceptor(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createAcceptor", JsCreateAcceptor, nullptr);
}

}  // namespace sluice
