#!/usr/bin/env bash
# Measures forecasting methods and their peers in one run and prints a table as Markdown.
#   run.sh FOLDER [options of forecast.py]
# FOLDER holds the series (README.md says how). Everything else is kept in $HEADWATER_BENCHMARKS (default
# /var/tmp/headwater-benchmarks).
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); ROOT=$(dirname "$(dirname "$HERE")")
[ $# -ge 1 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
DATA=$1; shift
CACHE=${HEADWATER_BENCHMARKS:-/var/tmp/headwater-benchmarks}; PYTHON=$CACHE/venv-ml/bin/python
mkdir -p "$CACHE"
WANT=$(sha256sum <"$HERE/requirements.txt")
if [ "$(cat "$CACHE/venv-ml/.requirements" 2>/dev/null)" != "$WANT" ]; then
  [ -x "$PYTHON" ] || python3 -m venv "$CACHE/venv-ml"
  "$PYTHON" -m pip install -q --disable-pip-version-check -r "$HERE/requirements.txt"
  printf '%s\n' "$WANT" >"$CACHE/venv-ml/.requirements"
fi
(cd "$ROOT" && cargo build -q --release --locked -p headwater-forecasting --example forecast_lines)
TARGET=$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
exec "$PYTHON" "$HERE/forecast.py" --data "$DATA" --bin "$TARGET/release/examples/forecast_lines" "$@"
