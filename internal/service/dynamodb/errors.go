package dynamodb

import (
	"errors"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// invalidValues begins most of AWS's texts about parameters.
const invalidValues = "One or more parameter values were invalid: "

func errValidation(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("ValidationException", 400, format, args...)
}

// errNoResource is what operations on items say of a table that is not there.
func errNoResource() *awsapi.Error {
	return awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found")
}

// errTableNotFound is what operations on tables say of it.
func errTableNotFound(name string) *awsapi.Error {
	return awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: Table: %s not found", name)
}

func errTableExists(name string) *awsapi.Error {
	return awsapi.Errorf("ResourceInUseException", 400, "Table already exists: %s", name)
}

func errConditionFailed() *awsapi.Error {
	return awsapi.Errorf("ConditionalCheckFailedException", 400, "The conditional request failed")
}

func errContention() *awsapi.Error {
	return awsapi.Errorf("InternalServerError", 500, "Too many requests write the same item at the same time, try again")
}

const (
	errKeySchema   = item.Invalid("The provided key element does not match the schema")
	errItemSize    = item.Invalid("Item size has exceeded the maximum allowed size")
	errUpdatedSize = item.Invalid("Item size to update has exceeded the maximum allowed size")
	errStartKey    = item.Invalid("The provided starting key is invalid")
	errDuplicates  = item.Invalid("Provided list of item keys contains duplicates")
)

// visible turns what item, expr and engine say into what the caller may see.
func visible(err error) error {
	var invalid item.Invalid
	var mistyped item.TypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		return errValidation("%s", string(invalid))
	case errors.As(err, &mistyped):
		return awsapi.Errorf("SerializationException", 400, "%s", string(mistyped))
	case errors.Is(err, engine.ErrContention):
		return errContention()
	}
	return err
}
