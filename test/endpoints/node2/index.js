const AWS = require("aws-sdk");

exports.handler = async ({ body, requestContext: { domainName, stage, connectionId } }) => {
  const { service, scheme } = JSON.parse(body);
  const at = (address) => (scheme === undefined ? {} : { endpoint: scheme + address });
  try {
    if (service === "dynamodb") {
      await new AWS.DynamoDB(at("dynamodb.us-east-1.amazonaws.com")).listTables({}).promise();
    } else {
      await new AWS.ApiGatewayManagementApi(at(`${domainName}/${stage}`)).postToConnection({ ConnectionId: connectionId, Data: "pushed" }).promise();
    }
    return { statusCode: 200, body: "called" };
  } catch (e) {
    return { statusCode: 200, body: `${e.name}: ${e.message}` };
  }
};
