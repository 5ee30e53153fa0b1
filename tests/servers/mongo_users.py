#!/usr/bin/env python3
"""Makes the users of the tests at 127.0.0.1:PORT, one for each way to sign in; with CERTS, succeeds when one of them can.

    mongo_users.py PORT [CERTS]

| user | database | mechanism |
|---|---|---|
| app | admin | SCRAM-SHA-256 |
| old | admin | SCRAM-SHA-1 |
| ann | crm | SCRAM-SHA-256 |
| CN=app | $external | MONGODB-X509 |
"""

import sys

import pymongo

USERS = [
    ("admin", "app", "SCRAM-SHA-256"),
    ("admin", "old", "SCRAM-SHA-1"),
    ("crm", "ann", "SCRAM-SHA-256"),
    ("$external", "CN=app", "MONGODB-X509"),
]


def main(port: str, certificates: str | None) -> None:
    if certificates:
        client = pymongo.MongoClient(
            f"mongodb://app:secret@localhost:{port}/?directConnection=true",
            tls=True,
            tlsCAFile=f"{certificates}/ca.crt",
            tlsCertificateKeyFile=f"{certificates}/client.pem",
            serverSelectionTimeoutMS=2000,
        )
        client.admin.command("listDatabases")
        return
    client = pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=2000)
    for database, user, mechanism in USERS:
        password = {} if mechanism == "MONGODB-X509" else {"pwd": "secret"}
        roles = [{"role": "root", "db": "admin"}]
        client[database].command("createUser", user, roles=roles, mechanisms=[mechanism], **password)


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
