// Base of everything that sits on the event loop for JavaScript: uv handles, callbacks, and the functions of the object
// that JavaScript holds.
//
// Counted: each open uv handle holds a reference (uv needs the memory until its close callback), and so does each JS
// function that was made. A watcher that is not closed therefore goes on when JavaScript drops its object, as signal
// listeners do, and a function that is called after Close() finds valid memory.

#ifndef SLUICE_BINDING_WATCHER_H_
#define SLUICE_BINDING_WATCHER_H_

#include <node_api.h>
#include <uv.h>

#include "binding/environment.h"
#include "os/os_error.h"

namespace sluice {

class Watcher {
 public:
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Stops and drops the callbacks. Idempotent. The watched descriptor must still be open: epoll cannot forget one that
  // is closed here while another process holds it, and would report it for ever.
  void Close();
  bool closed() const { return closed_; }

  void Ref() { references_++; }
  void Unref() {
    if (--references_ == 0) delete this;
  }

 protected:
  static constexpr int kMaxCallbacks = 2;
  static constexpr int kMaxHandles = 2;

  // Starts with one reference, the creator's.
  explicit Watcher(napi_env env);
  virtual ~Watcher() = default;

  Environment& environment() const { return *environment_; }
  napi_env env() const { return environment_->env(); }

  // Initialise a handle of this watcher; from then on Close() closes it.
  OsError OpenPoll(uv_poll_t* poll, int fd);
  OsError OpenTimer(uv_timer_t* timer);
  OsError OpenIdle(uv_idle_t* idle);

  // Keeps a function alive until Close().
  void KeepCallback(int index, napi_value function);
  // Only while not closed, and inside a handle scope.
  napi_value Callback(int index) const;

  // Adds a method to `object`; it finds this watcher by its data, so it works without `this`.
  void AddMethod(napi_value object, const char* name, napi_callback method);
  static napi_value CloseMethod(napi_env env, napi_callback_info info);
  // An object whose only method is `close`.
  napi_value MakeWatchObject();

  // The watcher behind a handle that OpenPoll, OpenTimer or OpenIdle opened, or behind a method.
  template <typename T, typename Handle>
  static T* From(Handle* handle) {
    return static_cast<T*>(static_cast<Watcher*>(handle->data));
  }
  template <typename T>
  static T* From(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
    return static_cast<T*>(static_cast<Watcher*>(data));
  }

  // For what a subclass must give back at Close(). The handles are stopped by then: epoll has forgotten their
  // descriptors.
  virtual void OnClose() {}

 private:
  friend class Environment;

  void Own(uv_handle_t* handle);
  static void OnHandleClosed(uv_handle_t* handle);

  Environment* environment_;
  Watcher* next_ = nullptr;
  Watcher* previous_ = nullptr;
  uv_handle_t* handles_[kMaxHandles] = {};
  int handle_count_ = 0;
  napi_ref callbacks_[kMaxCallbacks] = {};
  int references_ = 1;
  bool closed_ = false;
};

// Keeps a watcher alive while one of its callbacks runs: JavaScript may close it from there.
class WatcherGuard {
 public:
  explicit WatcherGuard(Watcher* watcher) : watcher_(watcher) { watcher_->Ref(); }
  ~WatcherGuard() { watcher_->Unref(); }
  WatcherGuard(const WatcherGuard&) = delete;
  WatcherGuard& operator=(const WatcherGuard&) = delete;

 private:
  Watcher* watcher_;
};

}  // namespace sluice

#endif  // SLUICE_BINDING_WATCHER_H_
