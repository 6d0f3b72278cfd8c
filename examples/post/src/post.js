const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require("@aws-sdk/client-apigatewaymanagementapi");

// The message's data goes back to the connection that it came from.
exports.handler = async ({ body, requestContext }) => {
  const { domainName, stage, connectionId } = requestContext;
  const api = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.parse(body).data }));
  return { statusCode: 200 };
};
