#!/usr/bin/env bash
# npm run fuzz -- [--kills N] [--seconds N] [--seed N]: kills processes that use zones (fuzz.cc). Every fault point that the
# sources name must have killed somebody by the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=build/native_tests/fuzz
mkdir -p "$out"
strict='-std=c++17 -O2 -g -fno-exceptions -fno-rtti -Wall -Wextra -Wshadow -Wconversion -Werror'
newest=$(ls -t native/core/*.h native/core/*.cc native/os/*.h native/os/*.cc test/native/*.h test/fuzz/* | head -n 1)
if [[ ! $out/fuzz -nt $newest ]]; then
  # shellcheck disable=SC2086
  printf '%s\0' native/core/*.cc native/os/*.cc test/fuzz/*.cc | xargs -0 -P 2 -n 1 bash -c \
    '"$0" '"$strict"' -DSLUICE_FAULT_POINTS -Inative -Itest/native -c "$1" -o "'"$out"'/${1//\//_}.o"' "${CXX:-g++}"
  objects=()
  for source in native/core/*.cc native/os/*.cc test/fuzz/*.cc; do objects+=("$out/${source//\//_}.o"); done
  "${CXX:-g++}" "${objects[@]}" -pthread -o "$out/fuzz"
fi

mapfile -t points < <(grep -rhoE 'SLUICE_FAULT_POINT\("[^"]+"\)' native/core | sed -E 's/.*\("(.*)"\)/\1/' | sort -u)
ulimit -c 0
exec "$out/fuzz" "$@" --points "${points[@]}"
