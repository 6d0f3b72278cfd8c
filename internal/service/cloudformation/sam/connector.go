package sam

// connector refuses AWS::Serverless::Connector.
func (m *macro) connector() ([]*made, *cause) {
	return nil, invalidResource(m.id, "AWS::Serverless::Connector is not supported here: write the policy into the function's Policies.")
}
