"""apigatewayv2 with boto3: every operation for WebSocket APIs, the paginators, and a whole tutorial."""

from run import client, fails

c = client("apigatewayv2")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:%s"
EXPRESSION = "$request.body.action"


def new_api(name="boto"):
    return c.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression=EXPRESSION)["ApiId"]


def tutorial():
    """seed 003 three functions behind three routes."""
    lambda_client = client("lambda")
    lambda_client.list_functions()
    api = c.create_api(Name="TutorialAPI", ProtocolType="WEBSOCKET", RouteSelectionExpression=EXPRESSION)["ApiId"]
    for key in ("$connect", "$disconnect", "$default"):
        integration = c.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION % key.strip("$"), IntegrationMethod="POST", PayloadFormatVersion="2.0"
        )
        route = c.create_route(ApiId=api, RouteKey=key, Target="integrations/" + integration["IntegrationId"])
        assert route["RouteKey"] == key and route["AuthorizationType"] == "NONE", route
    deployment = c.create_deployment(ApiId=api, Description="first")
    assert deployment["DeploymentStatus"] == "DEPLOYED" and not deployment["AutoDeployed"], deployment
    assert len(api) == 10, api
    c.delete_api(ApiId=api)


def apis():
    """CP-001 CP-014 CP-015 APIs."""
    api = new_api()
    assert c.get_api(ApiId=api)["Name"] == "boto"
    assert c.update_api(ApiId=api, Description="x")["Description"] == "x"
    assert "Description" not in c.update_api(ApiId=api, Description="")
    c.delete_cors_configuration(ApiId=api)
    c.delete_api(ApiId=api)
    with fails("NotFoundException", "Invalid API identifier specified"):
        c.delete_api(ApiId=api)


def routes_and_responses():
    """CP-044 CP-053 CP-062 routes and their responses."""
    api = new_api()
    r = c.create_route(ApiId=api, RouteKey="$connect", RequestParameters={"route.request.querystring.a": {"Required": True}, "route.request.header.b": {"Required": False}})["RouteId"]
    with fails("ConflictException", "Route with key $connect already exists for this API"):
        c.create_route(ApiId=api, RouteKey="$connect")
    c.delete_route_request_parameter(ApiId=api, RouteId=r, RequestParameterKey="route.request.querystring.a")
    assert c.get_route(ApiId=api, RouteId=r)["RequestParameters"] == {"route.request.header.b": {"Required": False}}
    assert c.update_route(ApiId=api, RouteId=r, OperationName="in")["OperationName"] == "in"
    assert [x["RouteId"] for x in c.get_routes(ApiId=api)["Items"]] == [r]
    rr = c.create_route_response(ApiId=api, RouteId=r, RouteResponseKey="$default")["RouteResponseId"]
    assert c.get_route_response(ApiId=api, RouteId=r, RouteResponseId=rr)["RouteResponseKey"] == "$default"
    assert c.update_route_response(ApiId=api, RouteId=r, RouteResponseId=rr, ModelSelectionExpression="x")["ModelSelectionExpression"] == "x"
    assert len(c.get_route_responses(ApiId=api, RouteId=r)["Items"]) == 1
    c.delete_route_response(ApiId=api, RouteId=r, RouteResponseId=rr)
    c.delete_route(ApiId=api, RouteId=r)
    assert c.get_routes(ApiId=api)["Items"] == []
    c.delete_api(ApiId=api)


def integrations_and_responses():
    """CP-059 CP-060 CP-061 integrations and their responses."""
    api = new_api()
    i = c.create_integration(
        ApiId=api, IntegrationType="HTTP", IntegrationMethod="POST", IntegrationUri="https://example.com",
        RequestParameters={"integration.request.header.a": "'1'", "integration.request.header.b": "context.stage"},
    )["IntegrationId"]
    assert c.update_integration(ApiId=api, IntegrationId=i, RequestParameters={"integration.request.header.a": ""})["RequestParameters"] == {"integration.request.header.b": "context.stage"}
    assert c.get_integration(ApiId=api, IntegrationId=i)["TimeoutInMillis"] == 29000
    assert len(c.get_integrations(ApiId=api)["Items"]) == 1
    ir = c.create_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseKey="/200/")["IntegrationResponseId"]
    with fails("ConflictException"):
        c.create_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseKey="/200/")
    assert c.update_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseId=ir, ResponseTemplates={"200": "x"})["ResponseTemplates"] == {"200": "x"}
    assert c.get_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseId=ir)["IntegrationResponseKey"] == "/200/"
    assert len(c.get_integration_responses(ApiId=api, IntegrationId=i)["Items"]) == 1
    c.delete_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseId=ir)
    c.create_route(ApiId=api, RouteKey="r", Target="integrations/" + i)
    with fails("ConflictException"):
        c.delete_integration(ApiId=api, IntegrationId=i)
    c.delete_api(ApiId=api)


def models_and_authorizers():
    """CP-063 CP-064 CP-065 CP-069 CP-070 models and authorizers."""
    api = new_api()
    m = c.create_model(ApiId=api, Name="Message", Schema='{"type":"object"}')["ModelId"]
    assert isinstance(c.get_model_template(ApiId=api, ModelId=m)["Value"], str)
    assert c.update_model(ApiId=api, ModelId=m, Description="d")["Description"] == "d"
    assert c.get_model(ApiId=api, ModelId=m)["ContentType"] == "application/json"
    assert len(c.get_models(ApiId=api)["Items"]) == 1
    c.delete_model(ApiId=api, ModelId=m)
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/%s/invocations" % (FUNCTION % "auth")
    a = c.create_authorizer(ApiId=api, Name="a", AuthorizerType="REQUEST", IdentitySource=[], AuthorizerUri=uri, AuthorizerCredentialsArn="arn:aws:iam::000000000000:role/r")["AuthorizerId"]
    assert "AuthorizerCredentialsArn" not in c.update_authorizer(ApiId=api, AuthorizerId=a, AuthorizerCredentialsArn="")
    assert "AuthorizerPayloadFormatVersion" not in c.get_authorizer(ApiId=api, AuthorizerId=a)
    assert len(c.get_authorizers(ApiId=api)["Items"]) == 1
    r = c.create_route(ApiId=api, RouteKey="$connect", AuthorizationType="CUSTOM", AuthorizerId=a)["RouteId"]
    with fails("ConflictException"):
        c.delete_authorizer(ApiId=api, AuthorizerId=a)
    c.update_route(ApiId=api, RouteId=r, AuthorizationType="NONE")
    c.delete_authorizer(ApiId=api, AuthorizerId=a)
    c.delete_api(ApiId=api)


def stages_and_deployments():
    """CP-028 CP-030 CP-033 CP-038 CP-043 CP-081 stages and deployments."""
    api = new_api()
    c.create_route(ApiId=api, RouteKey="$default")
    log = {"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:access", "Format": "$context.requestId"}
    c.create_stage(ApiId=api, StageName="prod", StageVariables={"a": "1"}, RouteSettings={"$default": {"ThrottlingBurstLimit": 1}}, AccessLogSettings=log)
    d = c.create_deployment(ApiId=api, StageName="prod")["DeploymentId"]
    stage = c.get_stage(ApiId=api, StageName="prod")
    assert stage["DeploymentId"] == d and stage["CreatedDate"].tzinfo, stage
    c.update_stage(ApiId=api, StageName="prod", StageVariables={"b": "2"})
    assert c.update_stage(ApiId=api, StageName="prod", StageVariables={"a": ""})["StageVariables"] == {"b": "2"}
    c.delete_route_settings(ApiId=api, StageName="prod", RouteKey="$default")
    c.delete_access_log_settings(ApiId=api, StageName="prod")
    stage = c.get_stages(ApiId=api)["Items"][0]
    assert stage["RouteSettings"] == {} and "AccessLogSettings" not in stage, stage
    c.reset_authorizers_cache(ApiId=api, StageName="prod")
    with fails("BadRequestException", "Active stages pointing to this deployment must be moved or deleted"):
        c.delete_deployment(ApiId=api, DeploymentId=d)
    assert c.update_deployment(ApiId=api, DeploymentId=d, Description="x")["Description"] == "x"
    assert c.get_deployment(ApiId=api, DeploymentId=d)["DeploymentStatus"] == "DEPLOYED"
    c.delete_stage(ApiId=api, StageName="prod")
    c.delete_deployment(ApiId=api, DeploymentId=d)
    assert c.get_deployments(ApiId=api)["Items"] == []
    c.delete_api(ApiId=api)


def tags():
    """CP-075 CP-076 CP-077 tags."""
    api = new_api()
    arn = "arn:aws:apigateway:us-east-1::/apis/" + api
    c.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2", "c": "3"})
    c.untag_resource(ResourceArn=arn, TagKeys=["a", "b"])
    assert c.get_tags(ResourceArn=arn)["Tags"] == {"c": "3"} == c.get_api(ApiId=api)["Tags"]
    c.delete_api(ApiId=api)


def paginators():
    """CP-019 every paginator."""
    api = new_api()
    other = new_api("other")
    for n in range(3):
        i = c.create_integration(ApiId=api, IntegrationType="MOCK")["IntegrationId"]
        c.create_integration_response(ApiId=api, IntegrationId=i, IntegrationResponseKey="/%d/" % n)
        r = c.create_route(ApiId=api, RouteKey="r%d" % n, Target="integrations/" + i)["RouteId"]
        c.create_model(ApiId=api, Name="m%d" % n, Schema="{}")
        c.create_authorizer(ApiId=api, Name="a%d" % n, AuthorizerType="REQUEST", IdentitySource=[], AuthorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/%s/invocations" % (FUNCTION % "a"))
        c.create_stage(ApiId=api, StageName="s%d" % n)
        c.create_deployment(ApiId=api)
    c.create_route_response(ApiId=api, RouteId=r, RouteResponseKey="$default")
    for name, arguments, count in (
        ("get_routes", {}, 3), ("get_integrations", {}, 3), ("get_models", {}, 3), ("get_authorizers", {}, 3), ("get_stages", {}, 3), ("get_deployments", {}, 3),
        ("get_route_responses", {"RouteId": r}, 1), ("get_integration_responses", {"IntegrationId": i}, 1),
    ):
        pages = list(c.get_paginator(name).paginate(ApiId=api, PaginationConfig={"PageSize": 2}, **arguments))
        found = [len(p["Items"]) for p in pages]
        assert sum(found) == count and max(found) <= 2, (name, found)
    ids = [a["ApiId"] for p in c.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 1}) for a in p["Items"]]
    assert api in ids and other in ids and len(ids) == len(set(ids)), ids
    assert c.get_paginator("get_domain_names").paginate().build_full_result() is not None
    with fails("BadRequestException"):
        c.get_routes(ApiId=api, NextToken="nonsense")
    with fails("BadRequestException"):
        c.get_routes(ApiId=api, MaxResults="abc")
    c.delete_api(ApiId=api)
    c.delete_api(ApiId=other)


def domain_names():
    """CP-071 CP-072 CP-073 CP-074 domain names and mappings."""
    api = new_api()
    c.create_route(ApiId=api, RouteKey="$default")
    c.create_stage(ApiId=api, StageName="prod", AutoDeploy=True)
    configuration = [{"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000", "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}]
    d = c.create_domain_name(DomainName="boto.example.com", DomainNameConfigurations=configuration)
    assert d["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE", d
    with fails("ConflictException"):
        c.create_domain_name(DomainName="boto.example.com", DomainNameConfigurations=configuration)
    assert [x["DomainName"] for x in c.get_domain_names()["Items"]] == ["boto.example.com"]
    c.update_domain_name(DomainName="boto.example.com", DomainNameConfigurations=configuration)
    assert c.get_domain_name(DomainName="boto.example.com")["ApiMappingSelectionExpression"] == "$request.basepath"
    with fails("BadRequestException"):
        c.create_api_mapping(DomainName="boto.example.com", ApiId=api, Stage="nope")
    m = c.create_api_mapping(DomainName="boto.example.com", ApiId=api, Stage="prod", ApiMappingKey="v1")["ApiMappingId"]
    assert c.get_api_mapping(DomainName="boto.example.com", ApiMappingId=m)["ApiMappingKey"] == "v1"
    assert c.update_api_mapping(DomainName="boto.example.com", ApiMappingId=m, ApiId=api, ApiMappingKey="v2")["ApiMappingKey"] == "v2"
    assert len(c.get_api_mappings(DomainName="boto.example.com")["Items"]) == 1
    c.delete_api_mapping(DomainName="boto.example.com", ApiMappingId=m)
    c.delete_domain_name(DomainName="boto.example.com")
    c.delete_api(ApiId=api)


def vpc_links():
    """VPC links are kept."""
    v = c.create_vpc_link(Name="v", SubnetIds=["subnet-1"])["VpcLinkId"]
    assert c.update_vpc_link(VpcLinkId=v, Name="w")["Name"] == "w"
    assert c.get_vpc_link(VpcLinkId=v)["SubnetIds"] == ["subnet-1"]
    assert len(c.get_vpc_links()["Items"]) == 1
    c.delete_vpc_link(VpcLinkId=v)


def for_http_apis():
    """CP-079 CP-080 what is for HTTP APIs, and portals."""
    api = new_api()
    with fails("BadRequestException", "HTTP API"):
        c.create_api(Name="http", ProtocolType="HTTP")
    with fails("BadRequestException", "HTTP APIs"):
        c.import_api(Body="{}")
    with fails("BadRequestException", "HTTP APIs"):
        c.reimport_api(ApiId=api, Body="{}")
    with fails("BadRequestException", "HTTP APIs"):
        c.export_api(ApiId=api, Specification="OAS30", OutputType="JSON")
    with fails("BadRequestException"):
        c.create_route(ApiId=api, RouteKey="$connect", AuthorizationType="JWT")
    if hasattr(c, "list_portals"):  # botocore of 2025 and later
        with fails("BadRequestException", "portals"):
            c.list_portals()
        with fails("BadRequestException", "Routing rules"):
            c.list_routing_rules(DomainName="d.example.com")
    c.delete_api(ApiId=api)
