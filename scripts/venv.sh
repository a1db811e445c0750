#!/bin/sh
# Makes .venv with everything the project needs, or finds that nothing has changed since (then it takes a few milliseconds).
#
#   scripts/venv.sh          what the service needs
#   scripts/venv.sh dev      what tests and checks need as well
#
# PYTHON=/path/to/python chooses the interpreter. It works without root, and where Debian's Python has neither ensurepip nor pip: then pip
# comes out of Debian's own package of it, fetched by apt from wherever this machine gets its packages, without installing anything.
# Nothing is written to standard output.
set -eu
exec 1>&2
cd "$(dirname "$0")/.."
# What others set for their own Python must not leak into ours.
unset PYTHONWARNINGS PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV VIRTUAL_ENV || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

group=${1:-}
stamp=.venv/installed
say() { printf '%s\n' "$*"; }
fail() {
    say "" "$@"
    exit 1
}
wanted="$(cat pyproject.toml scripts/venv.sh | sha256sum | cut -d' ' -f1) $PWD"
is_current() { [ -x .venv/bin/python ] && { [ "$(cat $stamp 2>/dev/null)" = "$wanted dev" ] || [ "$(cat $stamp 2>/dev/null)" = "$wanted $group" ]; }; }
is_current && exit 0

[ -w . ] || fail "The folder $PWD cannot be written by $(id -un): clone the repository into a folder of your own."
exec 9<.
flock 9 # one at a time; the second finds it done
is_current && exit 0

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
find_python() {
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14 python; do
        path=$([ -n "$name" ] && command -v "$name" || true)
        if [ -n "$path" ] && recent_enough "$path"; then
            printf '%s' "$path"
            return
        fi
    done
    return 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# pip out of Debian's package python3-pip-whl, into the folder $1. Uses package lists of its own, so it needs no root.
fetch_pip() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    set -- "$1" -q -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=
    folder=$1
    shift
    apt-get "$@" update >"$folder/log" 2>&1 || { tail -n 3 "$folder/log"; return 1; }
    (cd "$folder" && apt-get "$@" download python3-pip-whl) >>"$folder/log" 2>&1 || { tail -n 3 "$folder/log"; return 1; }
    dpkg-deb -x "$folder"/python3-pip-whl_*.deb "$folder/unpacked"
}

# pip into .venv, which has none: from the interpreter's own pip, from a wheel that lies here, or from Debian.
seed_pip() {
    if "$python" -m pip --python .venv/bin/python install -q --ignore-installed pip 2>/dev/null; then
        return
    fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    wheel=$(ls /usr/share/python-wheels/pip-*.whl 2>/dev/null | tail -n 1)
    if [ -z "$wheel" ] && fetch_pip "$folder"; then
        wheel=$(ls "$folder"/unpacked/usr/share/python-wheels/pip-*.whl 2>/dev/null | tail -n 1)
    fi
    [ -n "$wheel" ] && .venv/bin/python "$wheel/pip" install -q --ignore-installed pip
}

make_venv() {
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    rm -rf .venv
    "$python" -m venv --without-pip .venv >/dev/null 2>&1 && seed_pip && return
    rm -rf .venv
    if is_root && command -v apt-get >/dev/null; then
        say "Installing $venv_package ..."
        apt-get -q update >/dev/null 2>&1 || true
        DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$venv_package" >/dev/null 2>&1 || true
        "$python" -m venv .venv >/dev/null 2>&1 && return
    fi
    rm -rf .venv
    return 1
}

# A moved folder, or an interpreter that is gone, makes a virtual environment useless.
if { [ -f $stamp ] && [ "$(cut -d' ' -f2 $stamp)" != "$PWD" ]; } || ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! recent_enough .venv/bin/python; then
    python=$(find_python) || fail "Python 3.11 or later is needed, and none was found." \
        "    Debian or Ubuntu:  sudo apt-get install python3 python3-venv" "    or name one:       make serve PYTHON=/path/to/python3.11"
    venv_package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "Making .venv with $python ..."
    make_venv || fail "$python can make no virtual environment, and no pip could be fetched. Install what is missing:" \
        "    sudo apt-get install $venv_package"
fi

say "Installing into .venv (the first time takes a minute or two) ..."
# Groups of dependencies are known to pip 25.1 and later.
.venv/bin/python -m pip install -q --upgrade 'pip>=25.1'
if [ "$group" = dev ] || grep -qs ' dev$' $stamp; then
    group=dev
    .venv/bin/python -m pip install -q -e . --group dev
else
    .venv/bin/python -m pip install -q -e .
fi
printf '%s' "$wanted $group" >$stamp
