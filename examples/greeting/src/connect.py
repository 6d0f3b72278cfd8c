import json
import os

import boto3

functions = boto3.client("lambda")


def handler(event, context):
    """Accepts the connection. It is open only after this has returned, so another function greets."""
    request = event["requestContext"]
    functions.invoke(
        FunctionName=os.environ["GREETER"],
        InvocationType="Event",
        Payload=json.dumps({
            "endpoint": f"https://{request['domainName']}/{request['stage']}",
            "connectionId": request["connectionId"],
        }),
    )
    return {"statusCode": 200}
