// Runs the C++ tests: `native_tests [part of a name]`. Exit code 1 if any failed.

#include <chrono>
#include <cstdio>
#include <cstring>

#include "test.h"

namespace sluice {
namespace test {
namespace {

Case* cases = nullptr;
int failures_of_case = 0;

// The order of registration is the linker's; by name it is the same everywhere.
void InsertSorted(Case* test_case) {
  Case** at = &cases;
  while (*at != nullptr && strcmp((*at)->name, test_case->name) < 0) at = &(*at)->next;
  test_case->next = *at;
  *at = test_case;
}

}  // namespace

Registration::Registration(Case* test_case) { InsertSorted(test_case); }

void Fail(const char* file, int line, const std::string& message) {
  if (++failures_of_case > 20) return;  // a broken loop need not fill the terminal
  fprintf(stderr, "    %s:%d: %s\n", file, line, message.c_str());
}

int Slowdown() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 8;
#else
  return 1;
#endif
}

int RunAll(const char* filter) {
  int passed = 0;
  int failed = 0;
  for (const Case* test_case = cases; test_case != nullptr; test_case = test_case->next) {
    if (filter != nullptr && strstr(test_case->name, filter) == nullptr) continue;
    failures_of_case = 0;
    const auto begin = std::chrono::steady_clock::now();
    test_case->run();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    printf("%s %s (%lld ms)\n", failures_of_case == 0 ? "ok  " : "FAIL", test_case->name,
           static_cast<long long>(took.count()));
    fflush(stdout);
    ++(failures_of_case == 0 ? passed : failed);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace test
}  // namespace sluice

int main(int argc, char** argv) { return sluice::test::RunAll(argc > 1 ? argv[1] : nullptr); }
