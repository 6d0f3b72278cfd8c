# A name of one's own for a WebSocket API, and keys for its clients.

variable "changed" { default = false }

resource "aws_apigatewayv2_api" "named" {
  name                         = "tf-named"
  protocol_type                = "WEBSOCKET"
  route_selection_expression   = "$request.body.action"
  disable_execute_api_endpoint = var.changed
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id           = aws_apigatewayv2_api.named.id
  integration_type = "MOCK"
}

resource "aws_apigatewayv2_route" "connect" {
  api_id           = aws_apigatewayv2_api.named.id
  route_key        = "$connect"
  api_key_required = !var.changed
  target           = "integrations/${aws_apigatewayv2_integration.mock.id}"
}

resource "aws_apigatewayv2_stage" "prod" {
  api_id      = aws_apigatewayv2_api.named.id
  name        = "prod"
  auto_deploy = true
  depends_on  = [aws_apigatewayv2_route.connect]
}

resource "aws_apigatewayv2_domain_name" "chat" {
  domain_name = "tf.example.com"
  domain_name_configuration {
    certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
  tags = { app = var.changed ? "changed" : "named" }
}

resource "aws_apigatewayv2_api_mapping" "chat" {
  api_id          = aws_apigatewayv2_api.named.id
  domain_name     = aws_apigatewayv2_domain_name.chat.id
  stage           = aws_apigatewayv2_stage.prod.id
  api_mapping_key = var.changed ? "v2" : "v1"
}

output "name" { value = aws_apigatewayv2_domain_name.chat.domain_name_configuration[0].target_domain_name }
output "imports" {
  value = {
    "aws_apigatewayv2_domain_name.chat" = aws_apigatewayv2_domain_name.chat.id
    "aws_apigatewayv2_api_mapping.chat" = "${aws_apigatewayv2_api_mapping.chat.id}/${aws_apigatewayv2_domain_name.chat.id}"
  }
}
