package server

import (
	"iter"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
	connectionsapi "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
)

// Coverage returns each API with how far its operations are answered. S3, which has no table of operations, is not among them.
func (s *Server) Coverage() iter.Seq2[*awsapi.API, []awsapi.Coverage] {
	return func(yield func(*awsapi.API, []awsapi.Coverage) bool) {
		var connections []awsapi.Coverage // they are answered where the sockets are, and not by the catalog
		for _, operation := range slices.Sorted(maps.Keys(connectionsapi.API.Operations)) {
			connections = append(connections, awsapi.Coverage{Operation: operation, State: awsapi.Done})
		}
		if !yield(connectionsapi.API, connections) {
			return
		}
		s.catalog.Coverage()(yield)
	}
}
