// Package dynamodb is Amazon DynamoDB: tables, items, the expression parameters and those before them, transactions, expiry, streams.
//
//   - dynamodb.go: Service and its operations; errors.go: what AWS says
//   - inputs.go, args.go: what operations on items take; tables use the generated shapes
//   - items.go: PutItem, GetItem, UpdateItem, DeleteItem; conditions.go: conditions of both kinds; keys.go: keys against the schema
//   - pages.go, query.go, scan.go: Query and Scan; batch.go, transact.go: many items at once; capacity.go: what it would have cost
//   - definition.go: a table as it is stored and described; createtable.go, updatetable.go, tables.go, ttl.go, tags.go: its operations
//   - streams.go: DynamoDB Streams; resources.go: AWS::DynamoDB::Table
//
// Items are in package engine, their forms in item, the languages in expr. Checks come in AWS's order: what the model says (done
// before an operation is called), values and expressions, the table, its schema, the condition.
//
// There is no throttling, and capacity is counted but not limited. PartiQL, backups, global tables, exports and Kinesis destinations answer
// that they are not supported.
package dynamodb
