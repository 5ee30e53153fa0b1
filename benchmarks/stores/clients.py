"""One side of the benchmark of MongoDB or Redis as a process of its own: works, then prints one line of JSON.

Reading starts when the client is connected and its libraries are loaded.
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from clients import report, resident  # noqa: E402
from stores.load import COLLECTION, DATABASE, PREFIX  # noqa: E402


def pymongo_scan(url: str) -> None:
    import pandas
    import pymongo

    collection = pymongo.MongoClient(url)[DATABASE][COLLECTION]
    collection.find_one()
    before, start = resident("VmRSS:"), time.perf_counter()
    frame = pandas.DataFrame(list(collection.find()))
    report(time.perf_counter() - start, len(frame), before)


def pymongoarrow_scan(url: str) -> None:
    import pymongo
    from pymongoarrow.api import find_arrow_all

    collection = pymongo.MongoClient(url)[DATABASE][COLLECTION]
    collection.find_one()
    before, start = resident("VmRSS:"), time.perf_counter()
    table = find_arrow_all(collection, {})
    report(time.perf_counter() - start, table.num_rows, before)


def pymongo_groups(url: str) -> None:
    """The groups made by the server, which is what a program written for it would ask for."""
    import pymongo

    collection = pymongo.MongoClient(url)[DATABASE][COLLECTION]
    collection.find_one()
    before, start = resident("VmRSS:"), time.perf_counter()
    pipeline = [{"$group": {"_id": "$city", "n": {"$sum": 1}, "most": {"$max": "$sensor"}}}]
    rows = list(collection.aggregate(pipeline))
    report(time.perf_counter() - start, len(rows), before)


def redis_scan(url: str) -> None:
    """A pipelined loop: SCAN for the keys, HMGET of the fields, 1,000 keys at a time."""
    import pandas
    import redis

    client = redis.Redis.from_url(url)
    client.ping()
    before, start = resident("VmRSS:"), time.perf_counter()
    keys, cursor = [], 0
    while True:
        cursor, found = client.scan(cursor, match=f"{PREFIX}:*", count=1000)
        keys.extend(found)
        if cursor == 0:
            break
    rows = []
    for first in range(0, len(keys), 1000):
        pipeline = client.pipeline(transaction=False)
        for key in keys[first : first + 1000]:
            pipeline.hmget(key, "sensor", "city", "value")
        rows.extend(pipeline.execute())
    frame = pandas.DataFrame(rows, columns=["sensor", "city", "value"])
    frame["sensor"], frame["value"] = frame["sensor"].astype(int), frame["value"].astype(float)
    report(time.perf_counter() - start, len(frame), before)


def redis_round_trips(url: str, count: str) -> None:
    """HMGET of one key after the other."""
    import redis

    client = redis.Redis.from_url(url)
    client.ping()
    before, start = resident("VmRSS:"), time.perf_counter()
    for i in range(int(count)):
        client.hmget(f"{PREFIX}:{i}", "sensor", "city", "value")
    report(time.perf_counter() - start, int(count), before)


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    sides = {f.__name__: f for f in (pymongo_scan, pymongoarrow_scan, pymongo_groups, redis_scan, redis_round_trips)}
    if name not in sides:
        sys.exit(json.dumps({"error": f"no side {name}"}))
    sides[name](*arguments)
