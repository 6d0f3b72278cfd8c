// A chat with the CDK's own constructs: one function, a table of connections. FAIL=1 adds what cannot be made.
const { App, CfnOutput, RemovalPolicy, Stack } = require('aws-cdk-lib');
const { WebSocketApi, WebSocketStage } = require('aws-cdk-lib/aws-apigatewayv2');
const { WebSocketLambdaIntegration } = require('aws-cdk-lib/aws-apigatewayv2-integrations');
const { AttributeType, Table } = require('aws-cdk-lib/aws-dynamodb');
const { Code, Function, Runtime } = require('aws-cdk-lib/aws-lambda');
const { StringParameter } = require('aws-cdk-lib/aws-ssm');

const stack = new Stack(new App(), 'chat');
const table = new Table(stack, 'Connections', {
  partitionKey: { name: 'id', type: AttributeType.STRING },
  removalPolicy: RemovalPolicy.DESTROY,
});
const handler = new Function(stack, 'Handler', {
  runtime: Runtime.NODEJS_22_X,
  handler: 'index.handler',
  code: Code.fromAsset('fn'),
  environment: { TABLE: table.tableName },
});
table.grantReadWriteData(handler);
const route = (name) => ({ integration: new WebSocketLambdaIntegration(name, handler) });
const api = new WebSocketApi(stack, 'Api', {
  connectRouteOptions: route('OnConnect'),
  disconnectRouteOptions: route('OnDisconnect'),
  defaultRouteOptions: route('OnMessage'),
});
api.grantManageConnections(handler);
const stage = new WebSocketStage(stack, 'Stage', { webSocketApi: api, stageName: 'prod', autoDeploy: true });
new CfnOutput(stack, 'URL', { value: stage.url });
if (process.env.FAIL) {
  new StringParameter(stack, 'Impossible', { stringValue: table.tableName, allowedPattern: '\\d+' }).node.addDependency(stage);
}
