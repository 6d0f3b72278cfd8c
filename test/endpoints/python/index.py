import json

import boto3


def handler(event, context):
    message, here = json.loads(event["body"]), event["requestContext"]

    def at(address):
        return {"endpoint_url": message["scheme"] + address} if "scheme" in message else {}

    try:
        if message["service"] == "dynamodb":
            boto3.client("dynamodb", **at("dynamodb.us-east-1.amazonaws.com")).list_tables()
        else:
            client = boto3.client("apigatewaymanagementapi", **at(f"{here['domainName']}/{here['stage']}"))
            client.post_to_connection(ConnectionId=here["connectionId"], Data=b"pushed")
        return {"statusCode": 200, "body": "called"}
    except Exception as e:
        return {"statusCode": 200, "body": f"{type(e).__name__}: {e}"}
