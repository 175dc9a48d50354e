#!/bin/sh
# Runs the claims and judges the verdicts by the documented ones (.ci/expected-verdicts.json), so that a documented
# failure passes and a verdict that changed in either direction does not: `reproduce.sh BIN RESULTS [OPTIONS]`.
set -u
bin=$1
results=$2
shift 2
previous=
scale=quick
for word in "$@"; do
    case $previous in
        --out) results=$word ;;
        --scale) scale=$word ;;
    esac
    case $word in
        --out=*) results=${word#--out=} ;;
        --scale=*) scale=${word#--scale=} ;;
        --help) exec "$bin/spiralsink" reproduce --help ;;
    esac
    previous=$word
done
began=$(mktemp)
trap 'rm -f "$began"' EXIT
"$bin/spiralsink" reproduce --out "$results" "$@"
code=$?
# 1 says that a claim failed or that the run broke off, which leaves an old summary
if [ "$code" -gt 1 ] || [ "$scale" != quick ] || [ ! "$results/claims.json" -nt "$began" ]; then exit "$code"; fi
echo
"$bin/python" tools/compare_verdicts.py "$results/claims.json" .ci/expected-verdicts.json --selected --brief
