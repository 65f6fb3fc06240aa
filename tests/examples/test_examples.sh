#!/bin/sh
# test_examples.sh BUILD-FOLDER COMPILER GENERATOR DEVICE: the third parties' plugins of sdk/examples.
#
# Installs Corbel into a scratch prefix, builds them from there, signs them with a key of their own,
# installs them into a scratch CORBEL_HOME, and runs, isolated, what Python has computed. Where
# CORBEL_FIXTURES is set, its models, too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
compiler=$2
generator=$3
device=$4
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT INT TERM
prefix=$scratch/prefix
examples="mamba resnet50d"

failed() {
    echo "FAILED: $*" >&2
    exit 1
}

command -v glslc >/dev/null || {
    echo "skipped: glslc, which compiles the examples' shaders, is not installed"
    exit 77
}
cmake --install "$build" --prefix "$prefix" >"$scratch/log" || failed "cmake --install: $(cat "$scratch/log")"
library=$(find "$prefix" -name libcorbel.so)
[ -n "$library" ] || failed "no libcorbel.so was installed"
export PATH="$prefix/bin:$PATH" LD_LIBRARY_PATH="${library%/*}" CORBEL_HOME="$scratch/home"

# Third parties see what was installed, and nothing of the source tree.
corbel key new third --no-passphrase >"$scratch/log"
corbel key trust third --for 'example/*' >"$scratch/log"
for example in $examples; do
    cp -r "$here/../../sdk/examples/$example" "$scratch/$example"
    cmake -G "$generator" -S "$scratch/$example" -B "$scratch/$example/build" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release >"$scratch/log" 2>&1 &&
        cmake --build "$scratch/$example/build" >>"$scratch/log" 2>&1 || failed "$example: $(cat "$scratch/log")"
    bundle=$scratch/$example/build/bundle
    ! corbel plugin install "$bundle" >"$scratch/log" 2>&1 || failed "$example was installed without a signature"
    corbel plugin sign "$bundle" --key third >"$scratch/log"
    pin=$(corbel plugin install "$bundle") || failed "$example was not installed"
    [ ${#pin} -eq 64 ] || failed "$example: the pin is $pin"
done

# Hostile and unusual configs: the same on every device.
if [ "$device" = cpu ]; then
    mkdir -p "$scratch/configs/mamba" "$scratch/configs/resnet50d" "$scratch/configs/changed"
    cp "$here/../fixtures/models/mamba_small/model/config.json" "$scratch/configs/mamba"
    cp "$here/../fixtures/models/resnet_small/model/config.json" "$scratch/configs/resnet50d"
    "$build/bin/test_example_configs" "$scratch/configs" || failed "configs"
    corbel plugin test "$scratch/mamba" >"$scratch/log" 2>&1 || failed "corbel plugin test: $(cat "$scratch/log")"
fi

# What Python has computed. The weights of resnet_small are made here.
cp -r "$here/../fixtures/models" "$scratch/models"
chmod -R u+w "$scratch/models"
"$build/bin/random_weights" "$scratch/models/resnet_small/weights.json" \
    "$scratch/models/resnet_small/model/model.safetensors" || failed "random_weights"
run() {
    status=0
    "$build/bin/test_oracle_llama_cpu" "$device" "$1" isolated || status=$?
    [ $status -ne 77 ] || exit 77
    [ $status -eq 0 ] || failed "$1 on $device"
}
[ -z "${CORBEL_FIXTURES:-}" ] || run resnet
export CORBEL_FIXTURES="$scratch"
run resnet_small
run mamba_small
[ "$device" != cpu ] || "$build/bin/test_turns" mamba >"$scratch/log" 2>&1 || failed "turns: $(cat "$scratch/log")"

# A device that runs shaders runs these; on others they are what they decompose into.
uses() {
    corbel program "$scratch/models/$1/model" --planned --device-map "$device" >"$scratch/log" || failed "corbel program $1"
    if [ "$device" = cpu ]; then
        ! grep -q "custom:$2" "$scratch/log" || failed "$2 in a program for the CPU"
    else
        grep -q "custom:$2" "$scratch/log" || failed "$2 is not dispatched: $(cat "$scratch/log")"
    fi
}
uses mamba_small selective_scan
uses resnet_small norm_relu
uses resnet_small norm_add_relu
echo ok
