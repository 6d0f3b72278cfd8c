"""The other services with boto3: what clients and tools call in passing, and waiters."""

import io
import json
import zipfile

from run import client, fails

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]})
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


def iam_users():
    """IAM users, their keys, policies, boundaries and tags."""
    iam = client("iam")
    iam.create_user(UserName="u", Tags=[{"Key": "a", "Value": "1"}])
    iam.update_user(UserName="u", NewPath="/people/")
    iam.tag_user(UserName="u", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_user(UserName="u", TagKeys=["a"])
    assert iam.list_user_tags(UserName="u")["Tags"] == [{"Key": "b", "Value": "2"}]
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assert [k["AccessKeyId"] for k in iam.list_access_keys(UserName="u")["AccessKeyMetadata"]] == [key]
    assert iam.get_access_key_last_used(AccessKeyId=key)["UserName"] == "u"
    assert client("sts").get_access_key_info(AccessKeyId=key)["Account"] == "000000000000"
    iam.update_access_key(UserName="u", AccessKeyId=key, Status="Inactive")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=ALLOW)
    assert iam.get_user_policy(UserName="u", PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    assert iam.list_user_policies(UserName="u")["PolicyNames"] == ["p"]
    arn = iam.create_policy(PolicyName="boundary", PolicyDocument=ALLOW)["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=arn)
    iam.delete_user_permissions_boundary(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    assert [p["PolicyName"] for p in iam.list_attached_user_policies(UserName="u")["AttachedPolicies"]] == ["boundary"]
    with fails("DeleteConflict"):
        iam.delete_user(UserName="u")
    result = iam.simulate_principal_policy(PolicySourceArn="arn:aws:iam::000000000000:user/people/u", ActionNames=["s3:GetObject", "sqs:SendMessage"])["EvaluationResults"]
    assert [r["EvalDecision"] for r in result] == ["allowed", "implicitDeny"], result
    iam.detach_user_policy(UserName="u", PolicyArn=arn)
    iam.delete_user_policy(UserName="u", PolicyName="p")
    iam.delete_access_key(UserName="u", AccessKeyId=key)
    iam.get_waiter("user_exists").wait(UserName="u", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    iam.delete_user(UserName="u")
    iam.delete_policy(PolicyArn=arn)


def iam_groups():
    """IAM groups and their policies."""
    iam = client("iam")
    iam.create_group(GroupName="g")
    iam.create_user(UserName="member")
    iam.add_user_to_group(GroupName="g", UserName="member")
    assert [u["UserName"] for u in iam.get_group(GroupName="g")["Users"]] == ["member"]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="member")["Groups"]] == ["g"]
    assert [g["GroupName"] for g in iam.list_groups()["Groups"]] == ["g"]
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=ALLOW)
    assert iam.get_group_policy(GroupName="g", PolicyName="p")["PolicyName"] == "p"
    assert iam.list_group_policies(GroupName="g")["PolicyNames"] == ["p"]
    iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert len(iam.list_attached_group_policies(GroupName="g")["AttachedPolicies"]) == 1
    iam.detach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    iam.remove_user_from_group(GroupName="g", UserName="member")
    iam.delete_group(GroupName="g")
    iam.delete_user(UserName="member")
    assert iam.list_account_aliases()["AccountAliases"] == []


def iam_roles():
    """AU-064 AU-065 AU-066 IAM roles, policy versions, instance profiles and tags."""
    iam = client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    assert role["RoleId"].startswith("AROA") and role["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] == "Allow", role
    iam.update_role(RoleName="r", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="r", Description="d")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=TRUST)
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "1"}])
    assert iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.untag_role(RoleName="r", TagKeys=["a"])
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)["Policy"]["Arn"]
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_policy_tags(PolicyArn=arn)["Tags"]) == 1
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=False)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"] if v["IsDefaultVersion"]] == ["v2"]
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    with fails("DeleteConflict", "must detach all policies first"):
        iam.delete_role(RoleName="r")
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    assert [x["RoleName"] for x in iam.get_instance_profile(InstanceProfileName="i")["InstanceProfile"]["Roles"]] == ["r"]
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="i")
    details = iam.get_account_authorization_details()
    assert [(d["RoleName"], [p["PolicyName"] for p in d["AttachedManagedPolicies"]]) for d in details["RoleDetailList"]] == [("r", ["p"])], details
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    iam.delete_role(RoleName="r")
    iam.delete_policy(PolicyArn=arn)
    with fails("NoSuchEntity", "The role with name r cannot be found."):
        iam.get_role(RoleName="r")
    assert iam.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com")["Role"]["Path"].startswith("/aws-service-role/")


def sts_other():
    """STS without a web identity says so."""
    with fails("InvalidIdentityToken", "No OpenIDConnect provider found in your account"):
        client("sts").assume_role_with_web_identity(RoleArn="arn:aws:iam::000000000000:role/r", RoleSessionName="session", WebIdentityToken="x" * 20)
    assert client("sts").get_session_token()["Credentials"]["AccessKeyId"].startswith("ASIA")


def tables():
    """DynamoDB tables with waiters, and what tools ask of them."""
    d = client("dynamodb")
    d.create_table(TableName="boto", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    d.get_waiter("table_exists").wait(TableName="boto", WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert d.describe_limits()["AccountMaxReadCapacityUnits"] > 0
    assert d.describe_contributor_insights(TableName="boto")["ContributorInsightsStatus"] == "DISABLED"
    assert d.describe_kinesis_streaming_destination(TableName="boto")["KinesisDataStreamDestinations"] == []
    d.update_continuous_backups(TableName="boto", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    with fails("ValidationException", "PartiQL"):
        d.batch_execute_statement(Statements=[{"Statement": "SELECT * FROM boto"}])
    d.delete_table(TableName="boto")
    d.get_waiter("table_not_exists").wait(TableName="boto", WaiterConfig={"Delay": 1, "MaxAttempts": 5})


def functions():
    """Lambda functions with waiters."""
    iam, f = client("iam"), client("lambda")
    role = iam.create_role(RoleName="fn", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("app.py", "def handler(event, context):\n    return event\n")
    f.create_function(FunctionName="fn", Runtime="python3.12", Handler="app.handler", Role=role, Code={"ZipFile": code.getvalue()})
    f.get_waiter("function_active_v2").wait(FunctionName="fn", WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    f.update_function_configuration(FunctionName="fn", Timeout=10)
    f.get_waiter("function_updated_v2").wait(FunctionName="fn", WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    assert json.load(f.invoke(FunctionName="fn", Payload=b'{"a": 1}')["Payload"]) == {"a": 1}
    f.delete_function(FunctionName="fn")
    iam.delete_role(RoleName="fn")


def stacks():
    """CloudFormation's lists, and stack policies."""
    c = client("cloudformation")
    c.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup"}}}))
    c.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert [x["StackName"] for x in c.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]] == ["s"]
    assert c.list_change_sets(StackName="s")["Summaries"] == []
    c.set_stack_policy(StackName="s", StackPolicyBody='{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}')
    assert "Update:*" in c.get_stack_policy(StackName="s")["StackPolicyBody"]
    assert c.describe_account_limits()["AccountLimits"]
    assert c.estimate_template_cost(TemplateBody='{"Resources":{"G":{"Type":"AWS::Logs::LogGroup"}}}')["Url"]
    assert c.describe_type(Type="RESOURCE", TypeName="AWS::Logs::LogGroup")["TypeName"] == "AWS::Logs::LogGroup"
    assert "TypeSummaries" in c.list_types(Visibility="PUBLIC")
    assert c.describe_events(StackName="s")["OperationEvents"] is not None
    c.delete_stack(StackName="s")
    c.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def log_groups():
    """Logs: tags of old, and retention."""
    logs = client("logs")
    logs.create_log_group(logGroupName="boto")
    logs.put_retention_policy(logGroupName="boto", retentionInDays=7)
    logs.delete_retention_policy(logGroupName="boto")
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix="boto")["logGroups"][0]
    logs.tag_log_group(logGroupName="boto", tags={"a": "1", "b": "2"})
    logs.untag_log_group(logGroupName="boto", tags=["a"])
    assert logs.list_tags_log_group(logGroupName="boto")["tags"] == {"b": "2"}
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    logs.delete_log_group(logGroupName="boto")
