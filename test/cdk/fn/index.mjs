import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { ApiGatewayManagementApi } from '@aws-sdk/client-apigatewaymanagementapi';

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.TABLE;

export const handler = async ({ requestContext: { routeKey, connectionId: id, domainName, stage }, body: Data }) => {
  if (routeKey === '$connect') await table.send(new PutCommand({ TableName, Item: { id } }));
  else if (routeKey === '$disconnect') await table.send(new DeleteCommand({ TableName, Key: { id } }));
  else {
    const api = new ApiGatewayManagementApi({ endpoint: `https://${domainName}/${stage}` });
    const { Items } = await table.send(new ScanCommand({ TableName }));
    await Promise.all(Items.map(({ id }) => api.postToConnection({ ConnectionId: id, Data })));
  }
  return { statusCode: 200 };
};
