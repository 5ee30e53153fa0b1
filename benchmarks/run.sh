#!/usr/bin/env bash
# Measures Headwater and its peers in one run, side by side, and prints the tables as Markdown.
#   run.sh [postgres|flight|federation|optimizer|all] [--sf N] [--rows N] [--repeats N] [--smoke] [--final]
#     --sf N       scale factor of TPC-H (default 1: 6 million rows of lineitem; of federation and optimizer 0.1)
#     --rows N     rows of the table that Flight serves (default 10000000)
#     --repeats N  runs of each side (default 5)
#     --smoke      a tiny run with debug binaries, to see that everything works; its numbers say nothing
#     --final      measures what is prepared: builds and installs nothing; at most 12 minutes
#     --write      puts the tables into README.md beside this file
# Everything is kept in $BENCHMARKS_CACHE (default /var/tmp/headwater-benchmarks); remove that folder to start anew.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); ROOT=$(dirname "$HERE")
CACHE=${BENCHMARKS_CACHE:-/var/tmp/headwater-benchmarks}
WHAT=all; SF=; ROWS=10000000; REPEATS=5; PROFILE=release; FINAL=; WRITE=
while (($#)); do
  case $1 in
    postgres | flight | federation | optimizer | all) WHAT=$1 ;;
    --sf) SF=$2; shift ;;
    --rows) ROWS=$2; shift ;;
    --repeats) REPEATS=$2; shift ;;
    --smoke) SF=0.01; ROWS=100000; REPEATS=1; PROFILE=debug ;;
    --final) FINAL=1; REPEATS=4 ;;
    --write) WRITE=1 ;;
    *) sed -n '2,10p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ -n "$SF" ] || { SF=1; case $WHAT in federation | optimizer) SF=0.1 ;; esac; }
measures() { [ "$WHAT" = all ] || [ "$WHAT" = "$1" ]; }
say() { printf '%s\n' "$*" >&2; }
mkdir -p "$CACHE/data"; chmod 755 "$CACHE"; PYTHON=$CACHE/venv/bin/python; BIN=$CACHE/bin-$PROFILE

if [ -z "$FINAL" ]; then
  WANT=$(sha256sum <"$HERE/requirements.txt")
  if [ "$(cat "$CACHE/venv/.requirements" 2>/dev/null)" != "$WANT" ]; then
    say "installing the peers"
    [ -x "$PYTHON" ] || python3 -m venv "$CACHE/venv"
    "$PYTHON" -m pip install -q --disable-pip-version-check -r "$HERE/requirements.txt"
    printf '%s\n' "$WANT" >"$CACHE/venv/.requirements"
  fi
  say "building ($PROFILE)"
  # Tests and debug binaries share their libraries only when they are built alike.
  FLAGS=(--workspace --locked --all-targets); [ $PROFILE = release ] && FLAGS=(--workspace --locked --release)
  (cd "$ROOT" && cargo build -q "${FLAGS[@]}")
  TARGET=$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
  mkdir -p "$BIN"; cp -f "$TARGET/$PROFILE/headwater" "$TARGET/$PROFILE/headwater-benchmarks" "$BIN/"
  if measures federation; then
    # The one peer that is a library. It needs the headers of OpenSSL.
    say "building the peer of federation ($PROFILE)"
    FLAGS=(--locked); [ $PROFILE = release ] && FLAGS+=(--release)
    CARGO_TARGET_DIR=$CACHE/peer cargo build -q "${FLAGS[@]}" --manifest-path "$HERE/federation/peer/Cargo.toml"
    cp -f "$CACHE/peer/$PROFILE/federation-peer" "$BIN/"
  fi
fi
NEEDED=("$PYTHON" "$BIN/headwater" "$BIN/headwater-benchmarks"); measures federation && NEEDED+=("$BIN/federation-peer")
for file in "${NEEDED[@]}"; do
  [ -x "$file" ] || { say "$file is missing; run without --final first"; exit 1; }
done

if measures postgres; then
  PORT_BASE=23000 "$ROOT/tests/servers/up.sh" "$CACHE/servers" pg15 >&2
  "$PYTHON" "$HERE/prepare.py" lineitem --cache "$CACHE" --sf "$SF" ${FINAL:+--only-check} >&2
fi
if measures flight; then
  "$PYTHON" "$HERE/prepare.py" numbers --cache "$CACHE" --rows "$ROWS" ${FINAL:+--only-check} >&2
fi
if measures federation || measures optimizer; then
  PORT_BASE=23000 "$ROOT/tests/servers/up.sh" "$CACHE/servers" pg15 clickhouse >&2
  "$PYTHON" "$HERE/prepare.py" tpch --cache "$CACHE" --sf "$SF" ${FINAL:+--only-check} >&2
fi
"$PYTHON" "$HERE/measure.py" "$WHAT" --cache "$CACHE" --bin "$BIN" --sf "$SF" --rows "$ROWS" --repeats "$REPEATS" |
  tee "$CACHE/tables.md"
if [ -n "$WRITE" ]; then "$PYTHON" "$HERE/prepare.py" readme --cache "$CACHE"; fi
