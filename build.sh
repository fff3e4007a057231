#!/usr/bin/env bash
# Builds artifacts/popcorn/popcorn, after installing what the build lacks. Then, by the first argument:
#   demo [options]   two processes recognise real digits obliviously
#   test             all native and managed tests, format too; the last line is "N passed, N failed"
#   fuzz [options]   mutated inputs for every reader of foreign bytes: --seconds N, --target NAME, --help
#   pack             NuGet packages and the tool, into artifacts/packages
#   bench [options]  benchmarks of the arithmetic; --check: against bench/baseline.json; see docs/PERFORMANCE.md
#   clean            removes everything that was built
# Without an argument it only builds. The logic is in native/CMakePresets.json, the projects and tests/Tests.proj.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

have() { command -v "$1" >/dev/null 2>&1; }

fail() {
    echo "build.sh: $1" >&2
    exit 1
}

prerequisites_met() {
    local compiler
    compiler=$(command -v cc || command -v gcc || command -v clang) && have cmake && have ninja || return
    if have brew; then brew list gmp; else echo '#include <gmp.h>' | "$compiler" -E -; fi >/dev/null 2>&1
}

install_prerequisites() {
    local as_root=() install update=
    if have apt-get; then
        update='apt-get update'
        install='apt-get install -y --no-install-recommends gcc libc6-dev cmake ninja-build libgmp-dev'
    elif have dnf; then
        install='dnf install -y gcc cmake ninja-build gmp-devel'
    elif have brew; then
        install='brew install cmake ninja gmp'
    else
        fail 'install a C compiler, CMake, Ninja and the headers of GMP, then run this again'
    fi

    if ! have brew && [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "something is missing; run this as root, then this script again: $install"
        as_root=(sudo -n)
    fi

    # Unquoted on purpose: a command and its arguments.
    ${update:+${as_root[@]+"${as_root[@]}"} $update}
    ${as_root[@]+"${as_root[@]}"} $install
}

# One of the tests runs under valgrind. Where there is none and none can be had, it is skipped.
install_valgrind() {
    local as_root=() install
    if have apt-get; then install='apt-get install -y --no-install-recommends valgrind'
    elif have dnf; then install='dnf install -y valgrind valgrind-devel'
    else return
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    ${as_root[@]+"${as_root[@]}"} $install || echo 'build.sh: no valgrind: one test will be skipped' >&2
}

# Compiled beforehand: the first query of a process waits less for the compiler.
publish_command() {
    dotnet publish src/Popcorn.Cli -c Release -o artifacts/popcorn \
        --use-current-runtime --self-contained false -p:PublishReadyToRun=true
}

command=${1:-build}
[ $# -eq 0 ] || shift
case $command in
    build | demo | test | fuzz | bench | pack) ;;
    clean)
        rm -rf artifacts
        exit
        ;;
    *) fail "unknown command '$command'; use demo, test, fuzz, bench, pack or clean" ;;
esac

have dotnet || fail 'install the .NET SDK 10 from https://dot.net, then run this again'
prerequisites_met || install_prerequisites

case $command in
    build | demo)
        publish_command
        [ "$command" = build ] || artifacts/popcorn/popcorn demo "$@"
        ;;
    test)
        have valgrind || install_valgrind
        dotnet build Popcorn.sln -c Release
        status=0
        dotnet msbuild tests/Tests.proj -tl:off -v:minimal || status=$?
        cat artifacts/test-results/summary.txt
        exit "$status"
        ;;
    fuzz)
        dotnet run --project tests/Popcorn.Fuzz -c Release -- "$@"
        ;;
    pack)
        rm -rf artifacts/packages
        for project in Interop ObliviousTransfer Engine Hosting Cli; do
            dotnet pack "src/Popcorn.$project" -c Release
        done
        ;;
    bench)
        publish_command
        dotnet run --project bench/Popcorn.Bench -c Release -- "$@"
        ;;
esac
