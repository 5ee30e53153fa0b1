#!/usr/bin/env bash
# Stops what up.sh started under DIR; data is kept.
DIR=${1:?usage: down.sh DIR}
for file in "$DIR"/run/*.pid; do
  [ -e "$file" ] || continue
  pid=$(cat "$file"); rm -f "$file"
  kill -INT "$pid" 2>/dev/null && echo "$(basename "$file" .pid) stopped"
done
exit 0
