import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";

export const handler = async ({ body, requestContext: { domainName, stage, connectionId } }) => {
  const { service, scheme } = JSON.parse(body);
  const at = (address) => (scheme === undefined ? {} : { endpoint: scheme + address });
  try {
    if (service === "dynamodb") {
      await new DynamoDBClient(at("dynamodb.us-east-1.amazonaws.com")).send(new ListTablesCommand({}));
    } else {
      await new ApiGatewayManagementApiClient(at(`${domainName}/${stage}`)).send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: "pushed" }));
    }
    return { statusCode: 200, body: "called" };
  } catch (e) {
    return { statusCode: 200, body: `${e.name}: ${e.message}` };
  }
};
