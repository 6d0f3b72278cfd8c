// Package arn reads and writes Amazon Resource Names.
package arn

import (
	"fmt"
	"strings"
)

// Partition is the partition that every ARN made here has.
const Partition = "aws"

// An ARN names one resource: arn:partition:service:region:account:resource.
type ARN struct {
	Partition string
	Service   string
	Region    string
	Account   string
	Resource  string
}

// New returns the ARN of a resource in partition "aws".
func New(service, region, account, resource string) ARN {
	return ARN{Partition: Partition, Service: service, Region: region, Account: account, Resource: resource}
}

// Parse splits s at its first five colons.
func Parse(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, fmt.Errorf("%q is not an ARN", s)
	}
	return ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}, nil
}

// Is reports whether s has the form of an ARN.
func Is(s string) bool {
	_, err := Parse(s)
	return err == nil
}

func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}
