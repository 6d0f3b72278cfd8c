# A custom domain name leads to a stage that asks for an API key, and a usage plan limits what the key may do.

variable "changed" { default = false }

resource "aws_apigatewayv2_api" "keyed" {
  name                       = "tf-keyed"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "ok" {
  api_id                        = aws_apigatewayv2_api.keyed.id
  integration_type              = "MOCK"
  template_selection_expression = "\\$default"
  request_templates             = { "$default" = jsonencode({ statusCode = 200 }) }
}

resource "aws_apigatewayv2_model" "text" {
  api_id       = aws_apigatewayv2_api.keyed.id
  name         = "Text"
  content_type = "application/json"
  schema = jsonencode({
    "$schema" = "http://json-schema.org/draft-04/schema#"
    type      = "object"
    required  = var.changed ? ["text", "id"] : ["text"]
  })
}

resource "aws_apigatewayv2_route" "connect" {
  api_id           = aws_apigatewayv2_api.keyed.id
  route_key        = "$connect"
  api_key_required = true
  target           = "integrations/${aws_apigatewayv2_integration.ok.id}"
}

resource "aws_apigatewayv2_deployment" "now" {
  api_id     = aws_apigatewayv2_api.keyed.id
  depends_on = [aws_apigatewayv2_route.connect, aws_apigatewayv2_model.text]
}

resource "aws_apigatewayv2_stage" "prod" {
  api_id        = aws_apigatewayv2_api.keyed.id
  name          = "prod"
  deployment_id = aws_apigatewayv2_deployment.now.id
  default_route_settings {
    throttling_rate_limit  = var.changed ? 200 : 100
    throttling_burst_limit = 50
  }
}

resource "aws_apigatewayv2_domain_name" "ws" {
  domain_name = "ws.example.com"
  domain_name_configuration {
    certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/${var.changed ? "second" : "first"}"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
  tags = { team = var.changed ? "b" : "a" }
}

resource "aws_apigatewayv2_api_mapping" "chat" {
  api_id          = aws_apigatewayv2_api.keyed.id
  domain_name     = aws_apigatewayv2_domain_name.ws.id
  stage           = aws_apigatewayv2_stage.prod.id
  api_mapping_key = var.changed ? "chat" : ""
}

resource "aws_api_gateway_api_key" "guest" {
  name        = "tf-guest"
  description = var.changed ? "changed" : "of a guest"
  tags        = { team = var.changed ? "b" : "a" }
}

resource "aws_api_gateway_usage_plan" "small" {
  name        = "tf-small"
  description = var.changed ? "changed" : "for guests"
  api_stages {
    api_id = aws_apigatewayv2_api.keyed.id
    stage  = aws_apigatewayv2_stage.prod.name
    throttle {
      path        = "$default"
      rate_limit  = var.changed ? 3 : 2
      burst_limit = 3
    }
  }
  quota_settings {
    limit  = var.changed ? 3 : 2
    offset = 1
    period = "WEEK"
  }
  throttle_settings {
    burst_limit = 50
    rate_limit  = var.changed ? 60 : 40
  }
  tags = { team = var.changed ? "b" : "a" }
}

resource "aws_api_gateway_usage_plan_key" "guest" {
  key_id        = aws_api_gateway_api_key.guest.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.small.id
}

output "url" { value = "${aws_apigatewayv2_api.keyed.api_endpoint}/prod" }
output "key" {
  value     = aws_api_gateway_api_key.guest.value
  sensitive = true
}
output "imports" {
  value = {
    "aws_apigatewayv2_domain_name.ws"      = aws_apigatewayv2_domain_name.ws.id
    "aws_apigatewayv2_api_mapping.chat"    = "${aws_apigatewayv2_api_mapping.chat.id}/${aws_apigatewayv2_domain_name.ws.id}"
    "aws_apigatewayv2_model.text"          = "${aws_apigatewayv2_api.keyed.id}/${aws_apigatewayv2_model.text.id}"
    "aws_api_gateway_api_key.guest"        = aws_api_gateway_api_key.guest.id
    "aws_api_gateway_usage_plan.small"     = aws_api_gateway_usage_plan.small.id
    "aws_api_gateway_usage_plan_key.guest" = "${aws_api_gateway_usage_plan.small.id}/${aws_api_gateway_api_key.guest.id}"
  }
}
