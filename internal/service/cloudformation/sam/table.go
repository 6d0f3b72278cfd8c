package sam

// table writes AWS::Serverless::SimpleTable out.
func (m *macro) table() ([]*made, *cause) {
	p := m.properties
	name, typ := any("id"), "S"
	if key, ok := p["PrimaryKey"].(map[string]any); ok && len(key) > 0 {
		for _, member := range []string{"Name", "Type"} {
			if key[member] == nil {
				return nil, invalidResource(m.id, "Property 'PrimaryKey.%s' is required.", member)
			}
		}
		name = key["Name"]
		given, _ := key["Type"].(string)
		if typ = map[string]string{"String": "S", "Number": "N", "Binary": "B"}[given]; typ == "" {
			return nil, invalidResource(m.id, "Invalid 'Type' \"%s\".", given)
		}
	}
	t := m.own(m.id, "AWS::DynamoDB::Table")
	t.set("AttributeDefinitions", []any{map[string]any{"AttributeName": name, "AttributeType": typ}})
	t.set("KeySchema", []any{map[string]any{"AttributeName": name, "KeyType": "HASH"}})
	for _, n := range []string{"PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "TableName"} {
		if truthy(p[n]) {
			t.set(n, p[n])
		}
	}
	if !truthy(p["ProvisionedThroughput"]) {
		t.set("BillingMode", "PAY_PER_REQUEST")
	}
	if truthy(p["Tags"]) {
		t.set("Tags", tagList(p["Tags"]))
	}
	return []*made{t}, nil
}
