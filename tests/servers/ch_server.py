#!/usr/bin/env python3
"""Runs the ClickHouse engine that the package chdb-core carries as a server with HTTP and native listeners on loopback.

    ch_server.py DIR HTTP_PORT TCP_PORT      stop with SIGTERM

The package's extension module holds clickhouse-local, whose SYSTEM START LISTEN opens the ordinary listeners.
"""

import glob
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig

USERS = """<clickhouse>
  <profiles><default/><readonly><readonly>1</readonly></readonly></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    <app><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></app>
    <reader><password>reader</password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile><quota>default</quota></reader>
  </users>
</clickhouse>
"""
CONFIG = """<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <path>{base}/data/</path><tmp_path>{base}/tmp/</tmp_path>
  <users_config>{base}/users.xml</users_config>
  <timezone>UTC</timezone>
  <logger><level>warning</level><log>{base}/server.log</log><errorlog>{base}/error.log</errorlog></logger>
  <query_log><database>system</database><table>query_log</table><flush_interval_milliseconds>500</flush_interval_milliseconds></query_log>
</clickhouse>
"""
# The last query keeps the engine running.
START = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(1) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1"
)


def main() -> None:
    base, http, tcp = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    home = os.path.join(base, "home")
    local = os.path.join(home, ".clickhouse-local")
    for folder in (local, os.path.join(base, "data"), os.path.join(base, "tmp")):
        os.makedirs(folder, exist_ok=True)
    with open(os.path.join(base, "users.xml"), "w", encoding="utf-8") as file:
        file.write(USERS)
    with open(os.path.join(local, "config.xml"), "w", encoding="utf-8") as file:
        file.write(CONFIG.format(base=base, http=http, tcp=tcp))
    os.environ["HOME"] = home
    found = [p for d in {sysconfig.get_paths()["platlib"], *sys.path} for p in glob.glob(os.path.join(d or ".", "chdb/_chdb.abi3.so"))]
    if not found:
        sys.exit("chdb-core is not installed")
    # It looks for its helper libraries in the current folder.
    os.chdir(os.path.dirname(found[0]))
    # The package itself would start another engine, which has no listeners.
    loader = importlib.machinery.ExtensionFileLoader("_chdb", found[0])
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_chdb", loader))
    loader.exec_module(module)
    module.query(START, "TabSeparated")


main()
