"""API keys, queues, events and state machines with boto3: what no other test calls."""

import json

from run import client, fails

ROLE = "arn:aws:iam::000000000000:role/any"


def api_keys():
    """CP-103 API keys and usage plans on a WebSocket stage."""
    a, v2 = client("apigateway"), client("apigatewayv2")
    api = v2.create_api(Name="keys", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    v2.create_stage(ApiId=api, StageName="prod")
    key = a.create_api_key(name="k", enabled=True)["id"]
    plan = a.create_usage_plan(name="p", apiStages=[{"apiId": api, "stage": "prod"}], throttle={"rateLimit": 5.0, "burstLimit": 5}, quota={"limit": 5, "period": "DAY"})["id"]
    a.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    assert a.get_usage_plan(usagePlanId=plan)["apiStages"] == [{"apiId": api, "stage": "prod"}]
    assert a.get_usage_plan_key(usagePlanId=plan, keyId=key)["id"] == key
    assert [k["id"] for k in a.get_usage_plan_keys(usagePlanId=plan)["items"]] == [key]
    assert [p["id"] for p in a.get_usage_plans(keyId=key)["items"]] == [plan]
    assert a.update_api_key(apiKey=key, patchOperations=[{"op": "replace", "path": "/name", "value": "new"}])["name"] == "new"
    assert a.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "replace", "path": "/throttle/burstLimit", "value": "9"}])["throttle"]["burstLimit"] == 9
    assert a.update_usage(usagePlanId=plan, keyId=key, patchOperations=[{"op": "replace", "path": "/remaining", "value": "3"}])["usagePlanId"] == plan
    assert a.get_api_key(apiKey=key, includeValue=True)["value"]
    assert [k["id"] for k in a.get_api_keys(nameQuery="new")["items"]] == [key]
    a.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    a.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "remove", "path": "/apiStages", "value": api + ":prod"}])
    a.delete_usage_plan(usagePlanId=plan)
    a.delete_api_key(apiKey=key)
    v2.delete_api(ApiId=api)


def queues():
    """SQS in batches, and tags."""
    q = client("sqs")
    url = q.create_queue(QueueName="boto", tags={"a": "1"})["QueueUrl"]
    q.send_message(QueueUrl=url, MessageBody="m")
    m = q.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
    assert len(q.change_message_visibility_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0}])["Successful"]) == 1
    q.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert not q.list_queue_tags(QueueUrl=url).get("Tags")
    q.delete_queue(QueueUrl=url)


def topics():
    """SNS topics."""
    s = client("sns")
    topic = s.create_topic(Name="boto")["TopicArn"]
    s.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="d")
    assert s.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "d"
    assert [t["TopicArn"] for p in s.get_paginator("list_topics").paginate() for t in p["Topics"]] == [topic]
    s.delete_topic(TopicArn=topic)


def events():
    """EventBridge: connections, destinations, archives and replays."""
    e = client("events")
    bus = e.create_event_bus(Name="boto")["EventBusArn"]
    e.update_event_bus(Name="boto", Description="d")
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "v"}}
    connection = e.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=auth)["ConnectionArn"]
    e.update_connection(Name="c", Description="d")
    assert [c["Name"] for c in e.list_connections()["Connections"]] == ["c"]
    e.create_api_destination(Name="d", ConnectionArn=connection, InvocationEndpoint="https://example.com/", HttpMethod="POST")
    e.update_api_destination(Name="d", Description="d")
    assert e.describe_api_destination(Name="d")["HttpMethod"] == "POST"
    assert len(e.list_api_destinations()["ApiDestinations"]) == 1
    e.delete_api_destination(Name="d")
    e.deauthorize_connection(Name="c")
    e.delete_connection(Name="c")
    archive = e.create_archive(ArchiveName="a", EventSourceArn=bus)["ArchiveArn"]
    assert [a["ArchiveName"] for a in e.list_archives()["Archives"]] == ["a"]
    e.start_replay(ReplayName="r", EventSourceArn=archive, EventStartTime=0, EventEndTime=1, Destination={"Arn": bus})
    assert [r["ReplayName"] for r in e.list_replays()["Replays"]] == ["r"]
    try:
        e.cancel_replay(ReplayName="r")
    except e.exceptions.IllegalStatusException:
        pass  # it has ended already
    e.delete_archive(ArchiveName="a")
    e.delete_event_bus(Name="boto")


def schedules():
    """Scheduler groups."""
    s = client("scheduler")
    s.create_schedule_group(Name="g")
    assert s.get_schedule_group(Name="g")["State"] == "ACTIVE"
    assert {"g", "default"} <= {g["Name"] for g in s.list_schedule_groups()["ScheduleGroups"]}
    s.delete_schedule_group(Name="g")


def machines():
    """Step Functions: activities, versions and aliases."""
    s = client("stepfunctions")
    activity = s.create_activity(name="a")["activityArn"]
    assert s.describe_activity(activityArn=activity)["name"] == "a"
    assert len(s.list_activities()["activities"]) == 1
    s.delete_activity(activityArn=activity)
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    made = s.create_state_machine(name="m", definition=definition, roleArn=ROLE, publish=True)
    version = made["stateMachineVersionArn"]
    assert [v["stateMachineVersionArn"] for v in s.list_state_machine_versions(stateMachineArn=made["stateMachineArn"])["stateMachineVersions"]] == [version]
    alias = s.create_state_machine_alias(name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}])["stateMachineAliasArn"]
    s.update_state_machine_alias(stateMachineAliasArn=alias, description="d")
    assert s.describe_state_machine_alias(stateMachineAliasArn=alias)["description"] == "d"
    assert len(s.list_state_machine_aliases(stateMachineArn=made["stateMachineArn"])["stateMachineAliases"]) == 1
    with fails("ResourceNotFound"):
        s.update_map_run(mapRunArn="arn:aws:states:us-east-1:000000000000:mapRun:m/p:0", maxConcurrency=1)
    s.delete_state_machine_alias(stateMachineAliasArn=alias)
    s.delete_state_machine(stateMachineArn=made["stateMachineArn"])
