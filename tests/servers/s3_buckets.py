"""Makes the buckets of the tests; ends without an error once the server answers and they are there."""

import sys

import boto3
from botocore.config import Config

s3 = boto3.client(
    "s3",
    endpoint_url="http://127.0.0.1:" + sys.argv[1],
    aws_access_key_id="app",
    aws_secret_access_key="canary-s3-secret",
    region_name="us-east-1",
    config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 0}),
)
have = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
for bucket in ("test", "open"):
    if bucket not in have:
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="_ready", Body=b"1")
