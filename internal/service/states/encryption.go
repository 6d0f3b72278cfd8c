package states

import (
	"cmp"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
)

// encryption is the key that a machine or an activity is configured with. It is told, and has no effect.
type encryption struct {
	Key   string `json:"key,omitempty"`   // empty: AWS's own
	Reuse int64  `json:"reuse,omitempty"` // seconds
}

const (
	ownedKey   = "AWS_OWNED_KEY"
	managedKey = "CUSTOMER_MANAGED_KMS_KEY"
)

func encryptionOf(in *shapes.EncryptionConfiguration) (*encryption, error) {
	if in == nil {
		return nil, nil
	}
	switch kind := deref(in.Type); {
	case kind == ownedKey && (in.KmsKeyId != nil || in.KmsDataKeyReusePeriodSeconds != nil):
		return nil, failure("InvalidEncryptionConfiguration", "Invalid Encryption Configuration: KmsKeyId and KmsDataKeyReusePeriodSeconds must not be set when the type is %s.", ownedKey)
	case kind == ownedKey:
		return new(encryption), nil
	case deref(in.KmsKeyId) == "":
		return nil, failure("InvalidEncryptionConfiguration", "Invalid Encryption Configuration: KmsKeyId must be set when the type is %s.", managedKey)
	}
	return &encryption{Key: *in.KmsKeyId, Reuse: cmp.Or(deref(in.KmsDataKeyReusePeriodSeconds), 300)}, nil
}

// same tells whether two configurations mean the same key.
func (e *encryption) same(o *encryption) bool {
	return deref(e) == deref(o)
}

// shape is the configuration as it is described: not at all if nobody has configured anything.
func (e *encryption) shape() *shapes.EncryptionConfiguration {
	switch {
	case e == nil:
		return nil
	case e.Key == "":
		return &shapes.EncryptionConfiguration{Type: new(ownedKey)}
	}
	return &shapes.EncryptionConfiguration{Type: new(managedKey), KmsKeyId: &e.Key, KmsDataKeyReusePeriodSeconds: &e.Reuse}
}
