// A minimal test harness: TEST registers a function, EXPECT notes a failure and goes on, ASSERT leaves the test.
// Test names are sentences. main.cc runs them all, or those whose name contains the first argument.

#ifndef SLUICE_TEST_NATIVE_TEST_H_
#define SLUICE_TEST_NATIVE_TEST_H_

#include <cstdint>
#include <sstream>
#include <string>

namespace sluice {
namespace test {

struct Case {
  const char* name;
  void (*run)();
  Case* next;
};

struct Registration {
  Registration(Case* test_case);
};

void Fail(const char* file, int line, const std::string& message);

template <class A, class B>
void ExpectEq(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  std::ostringstream message;
  message << text << ": got " << actual << ", expected " << expected;
  Fail(file, line, message.str());
}

// Small, fast and the same everywhere (xorshift64*); tests print the seed they fail with.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D;
  }
  // 0 .. below - 1
  uint64_t Below(uint64_t below) { return (Next() >> 16) % below; }

 private:
  uint64_t state_;
};

// How much longer than in a plain build things may take; tests scale their effort down by it.
int Slowdown();

}  // namespace test
}  // namespace sluice

#define SLUICE_JOIN_(a, b) a##b
#define SLUICE_JOIN(a, b) SLUICE_JOIN_(a, b)
#define TEST(name)                                                                                               \
  static void SLUICE_JOIN(Test, __LINE__)();                                                                     \
  static ::sluice::test::Case SLUICE_JOIN(kCase, __LINE__) = {name, SLUICE_JOIN(Test, __LINE__), nullptr};       \
  static const ::sluice::test::Registration SLUICE_JOIN(kRegistration, __LINE__)(&SLUICE_JOIN(kCase, __LINE__)); \
  static void SLUICE_JOIN(Test, __LINE__)()

#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) ::sluice::test::Fail(__FILE__, __LINE__, "not " #condition); \
  } while (false)
#define EXPECT_EQ(actual, expected) ::sluice::test::ExpectEq(__FILE__, __LINE__, #actual, actual, expected)
#define ASSERT(condition)                                          \
  do {                                                             \
    if (!(condition)) {                                            \
      ::sluice::test::Fail(__FILE__, __LINE__, "not " #condition); \
      return;                                                      \
    }                                                              \
  } while (false)

#endif  // SLUICE_TEST_NATIVE_TEST_H_
