const { DynamoDBClient, DeleteItemCommand, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const db = new DynamoDBClient({});
const TableName = process.env.TABLE;
const keyOf = (event) => ({ connectionId: { S: event.requestContext.connectionId } });

exports.connect = async (event) => {
  await db.send(new PutItemCommand({ TableName, Item: keyOf(event) }));
  return { statusCode: 200 };
};

exports.disconnect = async (event) => {
  await db.send(new DeleteItemCommand({ TableName, Key: keyOf(event) }));
  return { statusCode: 200 };
};
