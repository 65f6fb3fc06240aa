#!/bin/sh
# test_install.sh BUILD-FOLDER COMPILER GENERATOR: installs into a scratch prefix, moves it, uses it from outside.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
compiler=$2
generator=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
prefix=$scratch/moved

failed() {
    echo "FAILED: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$scratch/installed" >"$scratch/log" || failed "cmake --install: $(cat "$scratch/log")"
mv "$scratch/installed" "$prefix"

# The command, where it stands now.
"$prefix/bin/corbel" run demo/storyteller "Once upon a time" --max-new-tokens 16 --no-sample >"$scratch/story" ||
    failed "the installed command does not run"
grep -q "Once upon a time" "$scratch/story" || failed "no story: $(cat "$scratch/story")"
"$prefix/bin/corbel" run demo/sentiment "I loved every minute of it" | grep -q POSITIVE || failed "no sentiment"
"$prefix/bin/corbel" run demo/shapes demo/shapes/examples/star.png | grep -q star || failed "no shape"

# The demo lies in share/; plugins and libcorbel are found from there.
library=$(find "$prefix" -name libcorbel.so)
[ -n "$library" ] || failed "no libcorbel.so was installed"
export PKG_CONFIG_PATH="${library%/*}/pkgconfig" LD_LIBRARY_PATH="${library%/*}"

# A plugin, with find_package(CorbelSDK).
cmake -G "$generator" -S "$here/plugin" -B "$scratch/plugin" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Release >"$scratch/log" 2>&1 && cmake --build "$scratch/plugin" >>"$scratch/log" 2>&1 ||
    failed "the plugin: $(cat "$scratch/log")"
manifest=$scratch/plugin/plugins/doubler/corbel-plugin.json
grep -q '"DoublerModel"' "$manifest" || failed "$manifest does not list DoublerModel"

# The example of the documentation, with pkg-config and warnings as errors.
# shellcheck disable=SC2046
"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror "$here/../../docs/example.c" -o "$scratch/example" \
    $(pkg-config --cflags --libs corbel) || failed "docs/example.c does not compile"
"$scratch/example" demo/storyteller "Once upon a time" >"$scratch/example.out" 2>&1 ||
    failed "docs/example.c: $(cat "$scratch/example.out")"
[ -s "$scratch/example.out" ] || failed "docs/example.c printed nothing"
echo "ok"
