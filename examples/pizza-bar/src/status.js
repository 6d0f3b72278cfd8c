const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require("@aws-sdk/client-apigatewaymanagementapi");
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, UpdateCommand } = require("@aws-sdk/lib-dynamodb");

const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));

// Each status of an order is kept, and pushed to who ordered.
exports.handler = async ({ detail }) => {
  await keep(detail);
  try {
    await push(await sessionOf(detail), detail);
  } catch (e) {
    if (!["ConditionalCheckFailedException", "GoneException"].includes(e.name)) throw e; // hung up: the pizza comes all the same
  }
};

const keep = ({ orderId, connectionId, order, status }) =>
  tables.send(new UpdateCommand({
    TableName: process.env.ORDERS,
    Key: { orderId },
    UpdateExpression: "SET connectionId = :connection, #order = :order, #status = :status",
    ExpressionAttributeNames: { "#order": "order", "#status": "status" },
    ExpressionAttributeValues: { ":connection": connectionId, ":order": order, ":status": status },
  }));

// sessionOf notes the order with the session of who ordered, and returns the session.
async function sessionOf({ orderId, connectionId }) {
  const { Attributes } = await tables.send(new UpdateCommand({
    TableName: process.env.SESSIONS,
    Key: { connectionId },
    UpdateExpression: "SET orderId = :order",
    ConditionExpression: "attribute_exists(connectionId)",
    ExpressionAttributeValues: { ":order": orderId },
    ReturnValues: "ALL_NEW",
  }));
  return Attributes;
}

const push = ({ connectionId, domainName, stage }, { orderId, order, status }) =>
  new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` }).send(
    new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify({ orderId, order, status }) }),
  );
