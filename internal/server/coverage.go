package server

import (
	"iter"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
	connectionsapi "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
	"github.com/sallyport/sallyport/internal/service/s3"
)

// Coverage returns the name of each API with how far its operations are answered.
func (s *Server) Coverage() iter.Seq2[string, []awsapi.Coverage] {
	return func(yield func(string, []awsapi.Coverage) bool) {
		var connections []awsapi.Coverage // they are answered where the sockets are, and not by the catalog
		for _, operation := range slices.Sorted(maps.Keys(connectionsapi.API.Operations)) {
			connections = append(connections, awsapi.Coverage{Operation: operation, State: awsapi.Done})
		}
		if !yield(connectionsapi.API.Name, connections) || !yield("s3", s3.Coverage()) {
			return
		}
		for api, operations := range s.catalog.Coverage() {
			if !yield(api.Name, operations) {
				return
			}
		}
	}
}
