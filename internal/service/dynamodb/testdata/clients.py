"""Uses DynamoDB as programs do: boto3's resource and client, against the endpoint given as argument."""
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

options = dict(endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="secret",
               config=Config(retries={"max_attempts": 1}))
client = boto3.client("dynamodb", **options)
resource = boto3.resource("dynamodb", **options)

# DY-019: the waiter returns at once.
client.create_table(
    TableName="chat",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in (("room", "S"), ("at", "N"), ("user", "S"))],
    KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    GlobalSecondaryIndexes=[{"IndexName": "byUser", "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
)
began = time.monotonic()
client.get_waiter("table_exists").wait(TableName="chat")
assert time.monotonic() - began < 1, "DY-019"

# DY-111: Decimal, sets, binary and nested values come back as they were.
table = resource.Table("chat")
item = {"room": "r", "at": Decimal("1.5"), "user": "ada", "tags": {"x", "y"}, "nums": {Decimal(1), Decimal("2.5")}, "blob": b"\x00\xff",
        "deep": {"list": [1, "two", None, True, {"k": Decimal("12345678901234567890.123")}]}, "empty": ""}
table.put_item(Item=item)
got = table.get_item(Key={"room": "r", "at": Decimal("1.5")})["Item"]
got["blob"] = got["blob"].value
assert got == item, f"DY-111: {got}"

# DY-028: the old item is in the error.
try:
    table.put_item(Item={"room": "r", "at": Decimal("1.5")}, ConditionExpression=Attr("room").not_exists(), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    raise SystemExit("DY-027: the put was not refused")
except ClientError as e:
    assert e.response["Error"]["Code"] == "ConditionalCheckFailedException", e.response
    assert e.response["Error"]["Message"] == "The conditional request failed", e.response
    assert e.response["Item"]["user"] == {"S": "ada"}, e.response  # errors are not converted

# DY-085: counters over HTTP.
def count(_):
    return table.update_item(Key={"room": "counter", "at": 0}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1}, ReturnValues="UPDATED_NEW")

with ThreadPoolExecutor(8) as pool:
    values = sorted(r["Attributes"]["n"] for r in pool.map(count, range(100)))
assert values == list(range(1, 101)), f"DY-085: {values}"

# Batches, queries, pages.
with table.batch_writer() as batch:
    for i in range(120):
        batch.put_item(Item={"room": "many", "at": i, "user": f"u{i % 3}"})
page = table.query(KeyConditionExpression=Key("room").eq("many") & Key("at").between(10, 19), ScanIndexForward=False)
assert [int(i["at"]) for i in page["Items"]] == list(range(19, 9, -1)), page
assert table.query(IndexName="byUser", KeyConditionExpression=Key("user").eq("u1"), Select="COUNT")["Count"] == 40
pages = client.get_paginator("scan").paginate(TableName="chat", PaginationConfig={"PageSize": 7})
assert sum(len(p["Items"]) for p in pages) == 122
keys = {"chat": {"Keys": [{"room": "many", "at": i} for i in range(50)]}}
assert len(resource.batch_get_item(RequestItems=keys)["Responses"]["chat"]) == 50

# DY-079: a cancelled transaction tells its reasons.
try:
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": "chat", "Item": {"room": {"S": "r"}, "at": {"N": "1.5"}}, "ConditionExpression": "attribute_not_exists(room)"}},
        {"Delete": {"TableName": "chat", "Key": {"room": {"S": "many"}, "at": {"N": "1"}}}},
    ])
    raise SystemExit("DY-079: the transaction was not cancelled")
except client.exceptions.TransactionCanceledException as e:
    assert [r["Code"] for r in e.response["CancellationReasons"]] == ["ConditionalCheckFailed", "None"], e.response
    assert "[ConditionalCheckFailed, None]" in str(e), e

# Streams.
streams = boto3.client("dynamodbstreams", **options)
arn = streams.list_streams(TableName="chat")["Streams"][0]["StreamArn"]
shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
records = []
while len(records) < 221:
    out = streams.get_records(ShardIterator=iterator, Limit=100)
    records += out["Records"]
    iterator = out["NextShardIterator"]
assert records[0]["eventName"] == "INSERT" and records[0]["dynamodb"]["NewImage"]["user"] == {"S": "ada"}, records[0]

for call, code in (
    (lambda: client.describe_table(TableName="nope"), "ResourceNotFoundException"),
    (lambda: client.put_item(TableName="chat", Item={"room": {"S": "x"}}), "ValidationException"),
):
    try:
        call()
        raise SystemExit("no error " + code)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response

client.delete_table(TableName="chat")
client.get_waiter("table_not_exists").wait(TableName="chat")
