#!/usr/bin/env bash
# Builds artifacts/popcorn/popcorn, after installing what the build lacks. Then, by the first argument:
#   demo [options]   two processes recognise real digits obliviously
#   test             all native and managed tests, format too; the last line is "N passed, N failed"
#   test --rid RID   of another system, by an emulator: the native tests, and the command (docs/SYSTEMS.md)
#   docs             the documents and the API of the packages as a site, into artifacts/site
#   fuzz [options]   mutated inputs for every reader of foreign bytes: --seconds N, --target NAME, --help
#   pack [--rid RID]...  NuGet packages and the tool, into artifacts/packages, for other systems too
#   bench [options]  benchmarks of the arithmetic; --check: against bench/baseline.json; see docs/PERFORMANCE.md
#   clean            removes everything that was built
# Without an argument it only builds. The logic is in native/CMakePresets.json, the projects,
# src/Popcorn.Cli/Install.targets and tests/Tests.proj.
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

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_prerequisites() {
    local install update=
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
    fi

    # Unquoted on purpose: a command and its arguments. Homebrew wants no root.
    ${update:+as_root $update}
    if have brew; then $install; else as_root $install; fi
}

# One of the tests runs under valgrind. Where there is none and none can be had, it is skipped.
install_valgrind() {
    local install
    if have apt-get; then install='apt-get install -y --no-install-recommends valgrind'
    elif have dnf; then install='dnf install -y valgrind valgrind-devel'
    else return
    fi
    # Unquoted on purpose: a command and its arguments.
    as_root $install || echo 'build.sh: no valgrind: one test will be skipped' >&2
}

# Other systems, each by the name that .NET and native/CMakePresets.json have for it: a compiler and what runs its
# programs here.
toolchain_of() {
    case $1 in
        linux-arm64) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross qemu-user ;;
        linux-musl-x64) echo musl-tools ;;
        win-x64) echo gcc-mingw-w64-x86-64 wine64 wine ;;
        *) fail "cannot build for '$1' here; use linux-arm64, linux-musl-x64 or win-x64" ;;
    esac
}

# apt-get for Arm64 and for sources, with lists of its own: the system's stay as they are.
apt_aside() {
    local state=$PWD/artifacts/apt file
    if [ ! -e "$state/status" ]; then
        mkdir -p "$state/sources" "$state/lists/partial" "$state/cache/archives/partial"
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ ! -e "$file" ] || sed -E 's/^Types:.*/Types: deb deb-src/; s/^deb( .*)/deb\1\ndeb-src\1/' "$file" \
                >"$state/sources/${file##*/}"
        done
        : >"$state/status"
        apt_aside update || true
    fi
    (cd "$state" && apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$state/sources" -o Dir::State="$state" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" "$@")
}

# The native library of another system, with the toolchain and the source of GMP that it takes.
build_native() {
    local rid=$1 packages
    packages="$(toolchain_of "$rid") m4 make dpkg-dev"
    have apt-get || fail "other systems are built where apt-get is; elsewhere see docs/SYSTEMS.md"
    # Unquoted on purpose: a list.
    dpkg -s $packages >/dev/null 2>&1 || {
        as_root apt-get update
        as_root apt-get install -y --no-install-recommends $packages
    }
    if [ ! -e artifacts/gmp ]; then
        apt_aside source gmp
        mv artifacts/apt/gmp-*/ artifacts/gmp
    fi
    (cd native && cmake --preset "$rid" && cmake --build --preset "$rid")
}

# Tests of another system. Arm64 lacks OpenSSL where only its C library is installed, and .NET for musl has here neither
# OpenSSL nor libstdc++: of musl the native library alone is tested.
test_other() {
    local rid=$1
    build_native "$rid"
    if [ "$rid" = linux-arm64 ] && [ ! -e "artifacts/$rid" ]; then
        apt_aside download libssl3
        dpkg -x artifacts/apt/libssl3_*.deb "artifacts/$rid"
    fi
    if [ "$rid" != linux-musl-x64 ]; then
        dotnet publish src/Popcorn.Cli -c Release -r "$rid" --self-contained -p:NativePreset="$rid" \
            --artifacts-path "artifacts/systems/$rid" -o "artifacts/systems/$rid/popcorn"
        dotnet build tests/Popcorn.EndToEnd.Tests -c Release
    fi
    run_tests -p:Rid="$rid"
}

run_tests() {
    local status=0
    dotnet msbuild tests/Tests.proj -m:3 -tl:off -v:minimal "$@" || status=$?
    cat artifacts/test-results/summary.txt
    exit "$status"
}

# The systems that options name: "--rid RID" once or more.
rids=()
read_rids() {
    while [ $# -gt 0 ]; do
        [ "$1" = --rid ] && [ $# -gt 1 ] || fail "'$1' is not understood; use --rid RID"
        toolchain_of "$2" >/dev/null
        rids+=("$2")
        shift 2
    done
}

install_command() {
    dotnet msbuild src/Popcorn.Cli/Install.targets -tl:off -v:minimal -nologo
}

command=${1:-build}
[ $# -eq 0 ] || shift
case $command in
    build | demo | test | docs | fuzz | bench | pack) ;;
    clean)
        rm -rf artifacts docs/api
        exit
        ;;
    *) fail "unknown command '$command'; use demo, test, docs, fuzz, bench, pack or clean" ;;
esac

have dotnet || fail 'install the .NET SDK 10 from https://dot.net, then run this again'
prerequisites_met || install_prerequisites

case $command in
    build | demo)
        install_command
        [ "$command" = build ] || artifacts/popcorn/popcorn demo "$@"
        ;;
    test)
        read_rids "$@"
        if [ ${#rids[@]} -eq 1 ]; then test_other "${rids[0]}"; fi
        [ ${#rids[@]} -eq 0 ] || fail 'one system is tested at a time'
        have valgrind || install_valgrind
        dotnet build Popcorn.sln -c Release
        run_tests
        ;;
    docs)
        dotnet build src/Popcorn.Hosting -c Release
        dotnet tool restore
        rm -rf docs/api artifacts/site
        dotnet docfx docfx.json
        cp artifacts/site/README.html artifacts/site/index.html
        ;;
    fuzz)
        dotnet run --project tests/Popcorn.Fuzz -c Release -- "$@"
        ;;
    pack)
        read_rids "$@"
        for rid in ${rids[@]+"${rids[@]}"}; do build_native "$rid"; done
        rm -rf artifacts/packages
        for project in Interop ObliviousTransfer Engine Hosting Cli; do
            dotnet pack "src/Popcorn.$project" -c Release
        done
        ;;
    bench)
        install_command
        dotnet run --project bench/Popcorn.Bench -c Release -- "$@"
        ;;
esac
