#!/usr/bin/env bash
# Stops what up.sh started under DIR, and waits for the end of it; data is kept.
DIR=${1:?usage: down.sh DIR}
declare -A running
for file in "$DIR"/run/*.pid; do
  [ -e "$file" ] || continue
  pid=$(cat "$file"); name=$(basename "$file" .pid); rm -f "$file"
  # Each service has a process group of its own. Postgres ends its clients on INT and waits for them on TERM.
  signal=TERM; case $name in pg15 | pg18) signal=INT ;; esac
  if kill -0 -- "-$pid" 2>/dev/null; then running[$name]=$pid; kill -$signal -- "-$pid"; fi
done
for _ in $(seq 1 100); do
  for name in "${!running[@]}"; do
    kill -0 -- "-${running[$name]}" 2>/dev/null || { echo "$name stopped"; unset "running[$name]"; }
  done
  ((${#running[@]})) || exit 0
  sleep 0.1
done
for name in "${!running[@]}"; do kill -KILL -- "-${running[$name]}" 2>/dev/null; echo "$name killed after 10 s"; done
exit 0
