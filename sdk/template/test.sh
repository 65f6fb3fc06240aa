#!/bin/sh
# test.sh [MODEL]: builds the plugin; is its program sound, and does it run on MODEL?
#
# MODEL is a folder whose config.json names @ARCHITECTURE@. Without one the bundle is
# built and its manifest is shown.
set -eu
cd "$(dirname "$0")"
corbel plugin build .
grep -q '"name": "@ARCHITECTURE@"' build/bundle/corbel-plugin.json
if [ $# -gt 0 ]; then
    corbel info "$1" --check --dev .
    corbel generate "$1" --ids 1,2,3 --max-new-tokens 4 --eos-token-id none --no-sample --dev .
fi
echo ok
