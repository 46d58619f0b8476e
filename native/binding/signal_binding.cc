// Watching signals from JavaScript, with the pid of their sender.

#include <csignal>
#include <vector>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "binding/watcher.h"
#include "os/signal_watch.h"

namespace sluice {
namespace {

// libuv reaps children by SIGCHLD; a handler for the others would return into the same fault for ever.
constexpr int kNotWatchable[] = {SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

class SignalWatcher : public Watcher {
 public:
  static napi_value Start(const Arguments& args, const std::vector<int>& signals) {
    auto* self = new SignalWatcher(args.env());
    const WatcherGuard guard(self);
    self->Unref();
    OsError error = self->watch_.Start(signals);
    if (error.ok()) error = self->OpenPoll(&self->poll_, self->watch_.fd());
    if (!error.ok()) {
      self->Close();
      return ThrowOsError(args.env(), error);
    }
    self->KeepCallback(0, args[1]);
    uv_poll_start(&self->poll_, UV_READABLE, OnReadable);
    // As with Node's own signal listeners: waiting for a signal is no reason to stay alive.
    uv_unref(reinterpret_cast<uv_handle_t*>(&self->poll_));
    return self->MakeWatchObject();
  }

 private:
  explicit SignalWatcher(napi_env env) : Watcher(env) {}

  void OnClose() override { watch_.Stop(); }

  static void OnReadable(uv_poll_t* poll, int /*status*/, int /*events*/) {
    auto* self = From<SignalWatcher>(poll);
    const WatcherGuard guard(self);
    CallbackTurn turn(self->environment());
    SignalRecord record;
    while (!self->closed() && self->watch_.Read(&record)) {
      const HandleScope scope(self->env());
      const napi_value values[] = {MakeNumber(self->env(), record.signal), MakeNumber(self->env(), record.sender_pid)};
      turn.Call(self->Callback(0), 2, values);
    }
  }

  SignalWatch watch_;
  uv_poll_t poll_;
};

bool ReadSignals(const Arguments& args, napi_value list, std::vector<int>* signals) {
  uint32_t count;
  if (!args.ArrayOf(list, "signals", &count)) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    int64_t signal;
    if (!args.Element(list, i, &element) || !args.IntegerOf(element, "signals[i]", 1, 64, &signal)) return false;
    for (const int refused : kNotWatchable) {
      if (signal == refused) return args.Refuse("signals[i]", "none of SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL");
    }
    signals->push_back(static_cast<int>(signal));
  }
  return true;
}

napi_value JsWatchSignals(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "watchSignals");
  std::vector<int> signals;
  if (!ReadSignals(args, args[0], &signals) || !args.Function(1, "onSignal")) return nullptr;
  return SignalWatcher::Start(args, signals);
}

}  // namespace

void ExportSignals(napi_env env, napi_value exports) {
  SetFunction(env, exports, "watchSignals", JsWatchSignals, nullptr);
}

}  // namespace sluice
