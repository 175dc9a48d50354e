#!/bin/sh
# Runs the claims. A claim that fails ends `spiralsink reproduce` with 1; whether that was expected, and why, is
# written in .ci/expected-verdicts.json, and decides how this ends: `reproduce.sh BIN RESULTS [OPTIONS]`.
set -u
bin=$1
results=$2
shift 2
"$bin/spiralsink" reproduce --out "$results" "$@"
code=$?
[ "$code" -eq 1 ] || exit "$code"
echo
echo "A claim fails. Beside what is documented (.ci/expected-verdicts.json, docs/claims.md):"
"$bin/python" tools/compare_verdicts.py "$results/claims.json" .ci/expected-verdicts.json --selected
