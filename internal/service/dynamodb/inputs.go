package dynamodb

import (
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// What operations on items take and give. They are the generated shapes, but items and values have types of their own: they are by far
// the most of what travels, and become trees or bytes without a map or a pointer per value.

type putItemInput struct {
	ConditionExpression                 *string
	ConditionalOperator                 *string `enum:"AND,OR"`
	Expected                            map[string]*expectedArg
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]*valueArg
	Item                                *itemArg `aws:",required"`
	ReturnConsumedCapacity              *string  `enum:"INDEXES,TOTAL,NONE"`
	ReturnItemCollectionMetrics         *string  `enum:"SIZE,NONE"`
	ReturnValues                        *string  `enum:"NONE,ALL_OLD,UPDATED_OLD,ALL_NEW,UPDATED_NEW"`
	ReturnValuesOnConditionCheckFailure *string  `enum:"ALL_OLD,NONE"`
	TableName                           *string  `aws:",required,min=1,max=1024"`
}

type deleteItemInput struct {
	ConditionExpression                 *string
	ConditionalOperator                 *string `enum:"AND,OR"`
	Expected                            map[string]*expectedArg
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]*valueArg
	Key                                 *itemArg `aws:",required"`
	ReturnConsumedCapacity              *string  `enum:"INDEXES,TOTAL,NONE"`
	ReturnItemCollectionMetrics         *string  `enum:"SIZE,NONE"`
	ReturnValues                        *string  `enum:"NONE,ALL_OLD,UPDATED_OLD,ALL_NEW,UPDATED_NEW"`
	ReturnValuesOnConditionCheckFailure *string  `enum:"ALL_OLD,NONE"`
	TableName                           *string  `aws:",required,min=1,max=1024"`
}

type updateItemInput struct {
	AttributeUpdates                    map[string]*updateArg
	ConditionExpression                 *string
	ConditionalOperator                 *string `enum:"AND,OR"`
	Expected                            map[string]*expectedArg
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]*valueArg
	Key                                 *itemArg `aws:",required"`
	ReturnConsumedCapacity              *string  `enum:"INDEXES,TOTAL,NONE"`
	ReturnItemCollectionMetrics         *string  `enum:"SIZE,NONE"`
	ReturnValues                        *string  `enum:"NONE,ALL_OLD,UPDATED_OLD,ALL_NEW,UPDATED_NEW"`
	ReturnValuesOnConditionCheckFailure *string  `enum:"ALL_OLD,NONE"`
	TableName                           *string  `aws:",required,min=1,max=1024"`
	UpdateExpression                    *string
}

// writeOutput is what PutItem, UpdateItem and DeleteItem give.
type writeOutput struct {
	Attributes            item.Encoded
	ConsumedCapacity      *shapes.ConsumedCapacity
	ItemCollectionMetrics *collectionMetrics
}

type collectionMetrics struct {
	ItemCollectionKey   item.Item
	SizeEstimateRangeGB []float64
}

type expectedArg struct {
	AttributeValueList []*valueArg
	ComparisonOperator *string `enum:"EQ,NE,IN,LE,LT,GE,GT,BETWEEN,NOT_NULL,NULL,CONTAINS,NOT_CONTAINS,BEGINS_WITH"`
	Exists             *bool
	Value              *valueArg
}

type conditionArg struct {
	AttributeValueList []*valueArg
	ComparisonOperator *string `aws:",required" enum:"EQ,NE,IN,LE,LT,GE,GT,BETWEEN,NOT_NULL,NULL,CONTAINS,NOT_CONTAINS,BEGINS_WITH"`
}

type updateArg struct {
	Action *string `enum:"ADD,PUT,DELETE"`
	Value  *valueArg
}

type getItemInput struct {
	AttributesToGet          []string `aws:",min=1"`
	ConsistentRead           *bool
	ExpressionAttributeNames map[string]string
	Key                      *itemArg `aws:",required"`
	ProjectionExpression     *string
	ReturnConsumedCapacity   *string `enum:"INDEXES,TOTAL,NONE"`
	TableName                *string `aws:",required,min=1,max=1024"`
}

type getItemOutput struct {
	ConsumedCapacity *shapes.ConsumedCapacity
	Item             item.Encoded
}

type queryInput struct {
	AttributesToGet           []string `aws:",min=1"`
	ConditionalOperator       *string  `enum:"AND,OR"`
	ConsistentRead            *bool
	ExclusiveStartKey         *itemArg
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]*valueArg
	FilterExpression          *string
	IndexName                 *string `aws:",min=3,max=255" pattern:"[a-zA-Z0-9_.-]+"`
	KeyConditionExpression    *string
	KeyConditions             map[string]*conditionArg
	Limit                     *int64 `aws:",min=1"`
	ProjectionExpression      *string
	QueryFilter               map[string]*conditionArg
	ReturnConsumedCapacity    *string `enum:"INDEXES,TOTAL,NONE"`
	ScanIndexForward          *bool
	Select                    *string `enum:"ALL_ATTRIBUTES,ALL_PROJECTED_ATTRIBUTES,SPECIFIC_ATTRIBUTES,COUNT"`
	TableName                 *string `aws:",required,min=1,max=1024"`
}

type scanInput struct {
	AttributesToGet           []string `aws:",min=1"`
	ConditionalOperator       *string  `enum:"AND,OR"`
	ConsistentRead            *bool
	ExclusiveStartKey         *itemArg
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]*valueArg
	FilterExpression          *string
	IndexName                 *string `aws:",min=3,max=255" pattern:"[a-zA-Z0-9_.-]+"`
	Limit                     *int64  `aws:",min=1"`
	ProjectionExpression      *string
	ReturnConsumedCapacity    *string `enum:"INDEXES,TOTAL,NONE"`
	ScanFilter                map[string]*conditionArg
	Segment                   *int64  `aws:",min=0,max=999999"`
	Select                    *string `enum:"ALL_ATTRIBUTES,ALL_PROJECTED_ATTRIBUTES,SPECIFIC_ATTRIBUTES,COUNT"`
	TableName                 *string `aws:",required,min=1,max=1024"`
	TotalSegments             *int64  `aws:",min=1,max=1000000"`
}

// pageOutput is what Query and Scan give.
type pageOutput struct {
	ConsumedCapacity *shapes.ConsumedCapacity
	Count            *int64
	Items            []item.Encoded
	LastEvaluatedKey item.Item
	ScannedCount     *int64
}

type batchGetInput struct {
	RequestItems           map[string]*keysArg `aws:",required,max=100"`
	ReturnConsumedCapacity *string             `enum:"INDEXES,TOTAL,NONE"`
}

type keysArg struct {
	AttributesToGet          []string `aws:",min=1"`
	ConsistentRead           *bool
	ExpressionAttributeNames map[string]string
	Keys                     []*itemArg `aws:",required,min=1"`
	ProjectionExpression     *string
}

type batchGetOutput struct {
	ConsumedCapacity []*shapes.ConsumedCapacity
	Responses        map[string][]item.Encoded
	UnprocessedKeys  map[string]*keysArg
}

type batchWriteInput struct {
	RequestItems                map[string][]*writeArg `aws:",required,max=25"`
	ReturnConsumedCapacity      *string                `enum:"INDEXES,TOTAL,NONE"`
	ReturnItemCollectionMetrics *string                `enum:"SIZE,NONE"`
}

type writeArg struct {
	DeleteRequest *deleteArg
	PutRequest    *putArg
}

type putArg struct {
	Item *itemArg `aws:",required"`
}

type deleteArg struct {
	Key *itemArg `aws:",required"`
}

type batchWriteOutput struct {
	ConsumedCapacity []*shapes.ConsumedCapacity
	UnprocessedItems map[string][]*writeArg
}

type transactGetInput struct {
	ReturnConsumedCapacity *string           `enum:"INDEXES,TOTAL,NONE"`
	TransactItems          []*transactGetArg `aws:",required,min=1,max=100"`
}

type transactGetArg struct {
	Get *struct {
		ExpressionAttributeNames map[string]string
		Key                      *itemArg `aws:",required"`
		ProjectionExpression     *string
		TableName                *string `aws:",required,min=1,max=1024"`
	} `aws:",required"`
}

type transactGetOutput struct {
	ConsumedCapacity []*shapes.ConsumedCapacity
	Responses        []*itemResponse
}

type itemResponse struct {
	Item item.Encoded
}

type transactWriteInput struct {
	ClientRequestToken          *string       `aws:",min=1,max=36"`
	ReturnConsumedCapacity      *string       `enum:"INDEXES,TOTAL,NONE"`
	ReturnItemCollectionMetrics *string       `enum:"SIZE,NONE"`
	TransactItems               []*transactOp `aws:",required,min=1,max=100"`
}

type transactOp struct {
	ConditionCheck *transactArg
	Delete         *transactArg
	Put            *transactArg
	Update         *transactArg
}

// A transactArg is any of the four; which members must be there depends on which it is.
type transactArg struct {
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]*valueArg
	Item                                *itemArg
	Key                                 *itemArg
	ReturnValuesOnConditionCheckFailure *string `enum:"ALL_OLD,NONE"`
	TableName                           *string `aws:",required,min=1,max=1024"`
	UpdateExpression                    *string
}

type transactWriteOutput struct {
	ConsumedCapacity []*shapes.ConsumedCapacity
}
