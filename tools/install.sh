#!/bin/sh
# Installs this checkout (editable) and what it needs into .venv/, and nothing the second time.
#   sh tools/install.sh run     what `spiralsink reproduce` needs
#   sh tools/install.sh study   that, and what `--claims realistic` needs: torch and recorded data
#   sh tools/install.sh test    that, the test tools and Sphinx
# The stamp of a level is the text that decides what is installed: where, with which Python, and pyproject.toml.
set -eu
cd "$(dirname "$0")/.."

level=${1:-run}
case $level in
    run) extras=data,plots,report ;;
    study) extras=data,plots,report,realistic ;;
    test) extras=data,plots,report,cluster,test,docs ;;
    *) echo "install.sh: the level must be run, study or test, got $level" >&2; exit 2 ;;
esac

# the native kernel needs a C++ compiler: a packaged one where the machine has none
has_compiler() {
    [ -n "${CXX:-}" ] || command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1
}
has_compiler || extras=$extras,native

wanted() {
    pwd
    .venv/bin/python -c 'import sys; print(sys.version)' 2>/dev/null || echo none
    cat src/spiralsink/_version.py pyproject.toml
}

installed() {
    [ -x .venv/bin/spiralsink ] && [ -f ".venv/installed-$1" ] && wanted | cmp -s - ".venv/installed-$1"
}

# a higher level has all of the lower ones
enough() {
    installed "$level" || { [ "$level" != test ] && installed test; } || { [ "$level" = run ] && installed study; }
}

if enough; then
    exit 0
fi

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

installer() {
    command -v uv >/dev/null 2>&1 || .venv/bin/python -m pip --version >/dev/null 2>&1
}

if ! suits .venv/bin/python || ! installer; then
    python=${PYTHON:-python3}
    if ! suits "$python"; then
        found=$("$python" --version 2>/dev/null | tail -n 1)
        for other in python3.13 python3.12 python3.11; do
            if suits "$other"; then break; fi
        done
        echo "spiralsink needs Python 3.11, 3.12 or 3.13; $python is ${found:-not there} (try: make PYTHON=$other)" >&2
        exit 1
    fi
    echo "Creating .venv with $("$python" --version)"
    rm -rf .venv
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
    else
        "$python" -m venv .venv
    fi
fi

rm -f .venv/installed-*
echo "Installing .[$extras] into .venv (a few minutes, once)"
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python .venv/bin/python --editable ".[$extras]"
else
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-compile --editable ".[$extras]"
fi
wanted >".venv/installed-$level"
