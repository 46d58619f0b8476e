// What the addon keeps per napi_env (the main thread, or one worker thread): the event loop, the async context that
// callbacks run in, and the list of open watchers. There are no other globals but the signal table of native/os.
//
// At the end of the env all watchers are closed before Node tears the loop down. uv_close is asynchronous, therefore
// the cleanup hook is an asynchronous one and is completed by the last handle's close callback.

#ifndef SLUICE_BINDING_ENVIRONMENT_H_
#define SLUICE_BINDING_ENVIRONMENT_H_

#include <node_api.h>
#include <uv.h>

#include <cstddef>

namespace sluice {

class Watcher;

class Environment {
 public:
  // Makes the state of `env`; false (with an exception pending) if Node-API refuses.
  static bool Create(napi_env env);
  static Environment* Of(napi_env env);

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  napi_async_context async_context() const { return async_context_; }

 private:
  friend class Watcher;

  explicit Environment(napi_env env) : env_(env) {}
  ~Environment() = default;

  static void OnCleanup(napi_async_cleanup_hook_handle handle, void* data);
  static void OnFinalize(napi_env env, void* data, void* hint);

  void Link(Watcher* watcher);
  void Unlink(Watcher* watcher);
  void HandleOpened() { open_handles_++; }
  void HandleClosed();
  void CompleteCleanup();
  void Unref();

  napi_env env_;
  uv_loop_t* loop_ = nullptr;
  napi_async_context async_context_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_hook_ = nullptr;
  Watcher* watchers_ = nullptr;  // open ones
  size_t open_handles_ = 0;      // uv handles whose close callback has not run
  bool cleaning_up_ = false;
  int references_ = 2;  // the instance data and the cleanup hook
};

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env_, &scope_); }
  ~HandleScope() {
    if (scope_ != nullptr) napi_close_handle_scope(env_, scope_);
  }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

// One turn of the event loop that calls into JavaScript, any number of times: nextTicks and microtasks run at its end.
class CallbackTurn {
 public:
  explicit CallbackTurn(const Environment& environment);
  ~CallbackTurn();
  CallbackTurn(const CallbackTurn&) = delete;
  CallbackTurn& operator=(const CallbackTurn&) = delete;

  // What the function throws becomes 'uncaughtException'. False if it could not be called at all, since the env is
  // being torn down: whatever was to be handed over is still the caller's.
  bool Call(napi_value function, size_t count, const napi_value* values);

 private:
  napi_env env_;
  HandleScope handles_;
  napi_callback_scope scope_ = nullptr;
};

}  // namespace sluice

#endif  // SLUICE_BINDING_ENVIRONMENT_H_
