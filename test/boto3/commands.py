"""The AWS command line: every command of apigatewayv2 for WebSocket APIs, as one table."""

from run import aws

URI = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
CERTIFICATE = "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000,EndpointType=REGIONAL"

# A command, what to keep of its answer under which name, and members that the answer must have.
TABLE = [
    ("create-api --name cli --protocol-type WEBSOCKET --route-selection-expression $request.body.action --tags a=1", "api=ApiId", {"Name": "cli", "DisableExecuteApiEndpoint": False}),
    ("get-api --api-id {api}", "", {"ApiEndpoint": "wss://{api}.execute-api.us-east-1.amazonaws.com", "Tags": {"a": "1"}}),
    ("get-apis --max-items 1", "", {}),
    ("update-api --api-id {api} --description changed", "", {"Description": "changed"}),
    ("create-integration --api-id {api} --integration-type MOCK", "integration=IntegrationId", {"PayloadFormatVersion": "1.0"}),
    ("get-integration --api-id {api} --integration-id {integration}", "", {"ConnectionType": "INTERNET"}),
    ("get-integrations --api-id {api}", "", {}),
    ("update-integration --api-id {api} --integration-id {integration} --timeout-in-millis 1000", "", {"TimeoutInMillis": 1000}),
    ("create-integration-response --api-id {api} --integration-id {integration} --integration-response-key $default", "response=IntegrationResponseId", {}),
    ("get-integration-response --api-id {api} --integration-id {integration} --integration-response-id {response}", "", {"IntegrationResponseKey": "$default"}),
    ("get-integration-responses --api-id {api} --integration-id {integration}", "", {}),
    ("update-integration-response --api-id {api} --integration-id {integration} --integration-response-id {response} --template-selection-expression x", "", {"TemplateSelectionExpression": "x"}),
    ("create-route --api-id {api} --route-key $connect --target integrations/{integration}", "connect=RouteId", {"ApiKeyRequired": False}),
    ("create-route --api-id {api} --route-key say --target integrations/{integration}", "route=RouteId", {"RouteKey": "say"}),
    ("get-route --api-id {api} --route-id {route}", "", {"AuthorizationType": "NONE"}),
    ("get-routes --api-id {api}", "", {}),
    ("update-route --api-id {api} --route-id {route} --route-response-selection-expression $default", "", {"RouteResponseSelectionExpression": "$default"}),
    ("update-route --api-id {api} --route-id {connect} --request-parameters route.request.querystring.a={{Required=true}}", "", {"RequestParameters": {"route.request.querystring.a": {"Required": True}}}),
    ("delete-route-request-parameter --api-id {api} --route-id {connect} --request-parameter-key route.request.querystring.a", "", None),
    ("create-route-response --api-id {api} --route-id {route} --route-response-key $default", "routeresponse=RouteResponseId", {}),
    ("get-route-response --api-id {api} --route-id {route} --route-response-id {routeresponse}", "", {"RouteResponseKey": "$default"}),
    ("get-route-responses --api-id {api} --route-id {route}", "", {}),
    ("update-route-response --api-id {api} --route-id {route} --route-response-id {routeresponse} --model-selection-expression m", "", {"ModelSelectionExpression": "m"}),
    ("create-model --api-id {api} --name M --schema {{}} --content-type application/json", "model=ModelId", {}),
    ("get-model --api-id {api} --model-id {model}", "", {"Name": "M"}),
    ("get-model-template --api-id {api} --model-id {model}", "", {}),
    ("get-models --api-id {api}", "", {}),
    ("update-model --api-id {api} --model-id {model} --description d", "", {"Description": "d"}),
    ("create-authorizer --api-id {api} --name A --authorizer-type REQUEST --identity-source route.request.header.Auth --authorizer-uri " + URI, "authorizer=AuthorizerId", {}),
    ("get-authorizer --api-id {api} --authorizer-id {authorizer}", "", {"IdentitySource": ["route.request.header.Auth"]}),
    ("get-authorizers --api-id {api}", "", {}),
    ("update-authorizer --api-id {api} --authorizer-id {authorizer} --name B", "", {"Name": "B"}),
    ("create-deployment --api-id {api}", "deployment=DeploymentId", {"DeploymentStatus": "DEPLOYED"}),
    ("get-deployment --api-id {api} --deployment-id {deployment}", "", {}),
    ("get-deployments --api-id {api}", "", {}),
    ("update-deployment --api-id {api} --deployment-id {deployment} --description d", "", {"Description": "d"}),
    ("create-stage --api-id {api} --stage-name prod --deployment-id {deployment} --stage-variables a=1", "", {"DeploymentId": "{deployment}"}),
    ("get-stage --api-id {api} --stage-name prod", "", {"StageVariables": {"a": "1"}}),
    ("get-stages --api-id {api}", "", {}),
    ('update-stage --api-id {api} --stage-name prod --route-settings {{"say":{{"ThrottlingBurstLimit":1}}}}', "", {}),
    ("update-stage --api-id {api} --stage-name prod --access-log-settings DestinationArn=arn:aws:logs:us-east-1:000000000000:log-group:cli,Format=$context.requestId", "", {}),
    ("delete-route-settings --api-id {api} --stage-name prod --route-key say", "", None),
    ("delete-access-log-settings --api-id {api} --stage-name prod", "", None),
    ("reset-authorizers-cache --api-id {api} --stage-name prod", "", None),
    ("create-domain-name --domain-name cli.example.com --domain-name-configurations " + CERTIFICATE, "", {"DomainName": "cli.example.com"}),
    ("get-domain-name --domain-name cli.example.com", "", {}),
    ("get-domain-names", "", {}),
    ("update-domain-name --domain-name cli.example.com --domain-name-configurations " + CERTIFICATE, "", {}),
    ("create-api-mapping --domain-name cli.example.com --api-id {api} --stage prod", "mapping=ApiMappingId", {"Stage": "prod"}),
    ("get-api-mapping --domain-name cli.example.com --api-mapping-id {mapping}", "", {"ApiId": "{api}"}),
    ("get-api-mappings --domain-name cli.example.com", "", {}),
    ("update-api-mapping --domain-name cli.example.com --api-mapping-id {mapping} --api-id {api} --api-mapping-key k", "", {"ApiMappingKey": "k"}),
    ("delete-api-mapping --domain-name cli.example.com --api-mapping-id {mapping}", "", None),
    ("delete-domain-name --domain-name cli.example.com", "", None),
    ("create-vpc-link --name v --subnet-ids subnet-1", "link=VpcLinkId", {}),
    ("get-vpc-link --vpc-link-id {link}", "", {"Name": "v"}),
    ("get-vpc-links", "", {}),
    ("update-vpc-link --vpc-link-id {link} --name w", "", {"Name": "w"}),
    ("delete-vpc-link --vpc-link-id {link}", "", None),
    ("tag-resource --resource-arn arn:aws:apigateway:us-east-1::/apis/{api} --tags b=2", "", None),
    ("get-tags --resource-arn arn:aws:apigateway:us-east-1::/apis/{api}", "", {"Tags": {"a": "1", "b": "2"}}),
    ("untag-resource --resource-arn arn:aws:apigateway:us-east-1::/apis/{api} --tag-keys a", "", None),
    ("delete-cors-configuration --api-id {api}", "", None),
    ("delete-stage --api-id {api} --stage-name prod", "", None),
    ("delete-deployment --api-id {api} --deployment-id {deployment}", "", None),
    ("delete-route-response --api-id {api} --route-id {route} --route-response-id {routeresponse}", "", None),
    ("delete-route --api-id {api} --route-id {route}", "", None),
    ("delete-route --api-id {api} --route-id {connect}", "", None),
    ("delete-authorizer --api-id {api} --authorizer-id {authorizer}", "", None),
    ("delete-model --api-id {api} --model-id {model}", "", None),
    ("delete-integration-response --api-id {api} --integration-id {integration} --integration-response-id {response}", "", None),
    ("delete-integration --api-id {api} --integration-id {integration}", "", None),
    ("delete-api --api-id {api}", "", None),
]

KEPT = {}


def fill(value):
    if isinstance(value, str):
        return value.format(**KEPT) if "{" in value else value
    return value


def row(command, keep, want):
    def case():
        got = aws("apigatewayv2", *[fill(a) for a in command.split()])
        if want is None:
            assert not got or got == {}, got
            return
        for name, value in want.items():
            assert got.get(name) == fill(value), (name, got)
        if keep:
            name, _, member = keep.partition("=")
            KEPT[name] = got[member]

    case.__doc__ = "CP-084 aws apigatewayv2 " + command.split()[0]
    case.__module__ = __name__
    return case


for number, line in enumerate(TABLE):
    globals()["case_%03d" % number] = row(*line)
