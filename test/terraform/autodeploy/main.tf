# A stage that deploys by itself, with an access log.

variable "changed" { default = false }

resource "aws_cloudwatch_log_group" "access" {
  name              = "/tf/access"
  retention_in_days = var.changed ? 14 : 7
  tags              = { app = "auto" }
}

resource "aws_apigatewayv2_api" "auto" {
  name                         = var.changed ? "tf-auto-2" : "tf-auto"
  protocol_type                = "WEBSOCKET"
  route_selection_expression   = "$request.body.action"
  api_key_selection_expression = "$request.header.x-api-key"
  tags                         = var.changed ? { new = "tag" } : { old = "tag" }
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id           = aws_apigatewayv2_api.auto.id
  integration_type = "MOCK"
  description      = var.changed ? "changed" : "as it was"
}

resource "aws_apigatewayv2_route" "default" {
  api_id                              = aws_apigatewayv2_api.auto.id
  route_key                           = "$default"
  route_response_selection_expression = var.changed ? "$default" : null
  target                              = "integrations/${aws_apigatewayv2_integration.mock.id}"
}

resource "aws_apigatewayv2_stage" "live" {
  api_id      = aws_apigatewayv2_api.auto.id
  name        = "live"
  auto_deploy = true
  description = var.changed ? "changed" : null
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = jsonencode({ id = "$context.requestId", route = "$context.routeKey" })
  }
  default_route_settings {
    data_trace_enabled     = var.changed
    logging_level          = "INFO"
    throttling_burst_limit = 10
    throttling_rate_limit  = 10
  }
  stage_variables = { a = "1" }
}

output "imports" {
  value = {
    "aws_cloudwatch_log_group.access"   = aws_cloudwatch_log_group.access.name
    "aws_apigatewayv2_api.auto"         = aws_apigatewayv2_api.auto.id
    "aws_apigatewayv2_integration.mock" = "${aws_apigatewayv2_api.auto.id}/${aws_apigatewayv2_integration.mock.id}"
    "aws_apigatewayv2_route.default"    = "${aws_apigatewayv2_api.auto.id}/${aws_apigatewayv2_route.default.id}"
    "aws_apigatewayv2_stage.live"       = "${aws_apigatewayv2_api.auto.id}/live"
  }
}
