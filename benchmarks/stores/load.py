"""Fills the stores of this benchmark: documents in MongoDB, hashes in Redis; once for each size."""

import sys

DATABASE, COLLECTION, PREFIX = "bench", "readings", "reading"


def document(i: int) -> dict:
    import datetime

    at = datetime.datetime(2025, 1, 1) + datetime.timedelta(seconds=i)
    return {"_id": i, "sensor": i % 1000, "city": f"city {i % 97}", "value": i / 8, "ok": i % 3 == 0, "at": at}


def mongodb(url: str, rows: int) -> None:
    import pymongo

    collection = pymongo.MongoClient(url)[DATABASE][COLLECTION]
    if collection.estimated_document_count() == rows:
        return
    collection.drop()
    for first in range(0, rows, 10_000):
        collection.insert_many([document(i) for i in range(first, min(first + 10_000, rows))])


def redis(url: str, rows: int) -> None:
    import redis as driver

    client = driver.Redis.from_url(url)
    if client.dbsize() == rows and client.exists(f"{PREFIX}:{rows - 1}"):
        return
    client.flushdb()
    for first in range(0, rows, 10_000):
        pipeline = client.pipeline(transaction=False)
        for i in range(first, min(first + 10_000, rows)):
            pipeline.hset(f"{PREFIX}:{i}", mapping={"sensor": i % 1000, "city": f"city {i % 97}", "value": i / 8})
        pipeline.execute()


if __name__ == "__main__":
    {"mongodb": mongodb, "redis": redis}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
