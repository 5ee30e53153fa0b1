#!/usr/bin/env bash
# Measures models and their peers in one run and prints tables as Markdown.
#   run.sh FOLDER [forecast|anomaly|supervised|sql|all] [options of the one part]
# FOLDER holds the data (README.md says how); NAB is a clone of numenta/NAB, for anomalies in series. Everything else is kept in
# $BENCHMARKS_CACHE (default /var/tmp/headwater-benchmarks).
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); ROOT=$(dirname "$(dirname "$HERE")")
[ $# -ge 1 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
DATA=$1; shift
WHAT=all
case ${1:-} in forecast | anomaly | supervised | sql | all) WHAT=$1; shift ;; esac
CACHE=${BENCHMARKS_CACHE:-/var/tmp/headwater-benchmarks}
mkdir -p "$CACHE"
measures() { [ "$WHAT" = all ] || [ "$WHAT" = "$1" ]; }
# Installs the peers of a file of requirements, once.
peers() {
  local folder=$CACHE/venv-$1 want
  want=$(sha256sum <"$HERE/requirements-$1.txt")
  if [ "$(cat "$folder/.requirements" 2>/dev/null)" != "$want" ]; then
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
    "$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$HERE/requirements-$1.txt"
    printf '%s\n' "$want" >"$folder/.requirements"
  fi
}
peers forecast; peers tables
(cd "$ROOT" && cargo build -q --release --locked --workspace --bins --examples)
TARGET=$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps | "$CACHE/venv-forecast/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release
TABLES=$CACHE/venv-tables/bin/python
if measures forecast; then
  "$CACHE/venv-forecast/bin/python" "$HERE/forecast.py" --data "$DATA/forecast" --bin "$TARGET/examples/forecast_lines" "$@"
fi
if measures anomaly; then
  [ -n "${NAB:-}" ] || { echo "NAB must name a clone of numenta/NAB" >&2; exit 2; }
  "$TABLES" "$HERE/anomaly/measure.py" --data "$DATA" --nab "$NAB" --binary "$TARGET/examples/anomaly_scores" "$@"
fi
if measures supervised; then
  "$TABLES" "$HERE/supervised.py" --data "$DATA" --binary "$TARGET/examples/supervised_scores" "$@"
fi
if measures sql; then
  "$TABLES" "$HERE/sql.py" --cli "$TARGET/headwater" --folder "$CACHE/data/ml" "$@"
fi
