import boto3


def handler(event, context):
    """Greets the connection, if it is there."""
    api = boto3.client("apigatewaymanagementapi", endpoint_url=event["endpoint"])
    connection = api.get_connection(ConnectionId=event["connectionId"])
    since = connection["ConnectedAt"].isoformat(timespec="seconds")
    api.post_to_connection(ConnectionId=event["connectionId"], Data=f"Welcome! You are connected since {since}.")
