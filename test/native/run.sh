#!/usr/bin/env bash
# Builds native/core and native/os without Node, with their tests, and runs them:
#   test/native/run.sh [plain|asan|tsan] [part of a test's name]
#   test/native/run.sh bench
# Objects are kept under build/native_tests/MODE; a changed header rebuilds all.
set -euo pipefail
cd "$(dirname "$0")/../.."

mode=${1:-plain}
case $mode in
  plain) flags='-O2' ;;
  bench) flags='-O2' ;;
  asan) flags='-O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' ;;
  tsan) flags='-O1 -fsanitize=thread -fno-omit-frame-pointer' ;;
  *) echo "usage: $0 [plain|asan|tsan|bench] [part of a test's name]" >&2; exit 2 ;;
esac
cxx=${CXX:-g++}
strict='-std=c++17 -g -fno-exceptions -fno-rtti -fvisibility=hidden -Wall -Wextra -Wshadow -Wconversion -Werror'
out=build/native_tests/$mode
mkdir -p "$out"

shopt -s nullglob
sources=(native/core/*.cc native/os/*.cc test/native/*_test.cc test/native/main.cc)
defines=-DSLUICE_FAULT_POINTS
if [[ $mode == bench ]]; then
  sources=(native/core/*.cc native/os/*.cc test/native/bench.cc)
  defines=
fi
newest_header=$(ls -t native/core/*.h native/os/*.h test/native/*.h test/native/run.sh | head -n 1)
objects=()
stale=()
for source in "${sources[@]}"; do
  object=$out/${source//\//_}.o
  objects+=("$object")
  [[ $object -nt $source && $object -nt $newest_header ]] || stale+=("$source" "$object")
done
if ((${#stale[@]} > 0)); then
  # shellcheck disable=SC2086
  printf '%s\0' "${stale[@]}" | xargs -0 -P 2 -n 2 bash -c \
    '"$0" '"$strict $flags $defines"' -Inative -Itest/native -c "$1" -o "$2"' "$cxx"
fi
# shellcheck disable=SC2086
"$cxx" $flags "${objects[@]}" -pthread -o "$out/native_tests"

# A process that is killed on purpose must not leave a core dump behind each time.
ulimit -c 0
TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS:-}" "$out/native_tests" "${@:2}"
