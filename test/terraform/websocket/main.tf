# A WebSocket API of every kind of part but functions, deployed by hand.

variable "changed" { default = false }

resource "aws_apigatewayv2_api" "chat" {
  name                       = "tf-chat"
  description                = var.changed ? "changed" : "made by Terraform"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
  tags                       = { app = "chat", stays = "here" }
}

resource "aws_apigatewayv2_model" "message" {
  api_id       = aws_apigatewayv2_api.chat.id
  content_type = "application/json"
  name         = "Message"
  description  = var.changed ? "changed" : "what clients send"
  schema = jsonencode({
    "$schema"  = "http://json-schema.org/draft-04/schema#"
    type       = "object"
    required   = ["action"]
    properties = { action = { type = "string" } }
  })
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_type              = "MOCK"
  template_selection_expression = "200"
  request_templates             = { "200" = var.changed ? "{\"statusCode\": 201}" : "{\"statusCode\": 200}" }
}

resource "aws_apigatewayv2_integration" "http" {
  api_id             = aws_apigatewayv2_api.chat.id
  integration_type   = "HTTP"
  integration_method = "POST"
  integration_uri    = "https://example.com/messages"
  request_parameters = merge(
    { "integration.request.header.stage" = "context.stage" },
    var.changed ? {} : { "integration.request.header.fixed" = "'value'" },
  )
  timeout_milliseconds      = var.changed ? 1000 : 2000
  content_handling_strategy = "CONVERT_TO_TEXT"
}

resource "aws_apigatewayv2_integration" "proxy" {
  api_id             = aws_apigatewayv2_api.chat.id
  integration_type   = "HTTP_PROXY"
  integration_method = var.changed ? "PUT" : "POST"
  integration_uri    = "https://example.com/$${stageVariables.color}"
}

resource "aws_apigatewayv2_integration_response" "mock" {
  api_id                   = aws_apigatewayv2_api.chat.id
  integration_id           = aws_apigatewayv2_integration.mock.id
  integration_response_key = var.changed ? "$default" : "/200/"
  response_templates       = { "200" = "{\"said\": true}" }
}

resource "aws_apigatewayv2_route" "connect" {
  api_id    = aws_apigatewayv2_api.chat.id
  route_key = "$connect"
  target    = "integrations/${aws_apigatewayv2_integration.mock.id}"
  dynamic "request_parameter" {
    for_each = var.changed ? ["route.request.querystring.room"] : ["route.request.querystring.room", "route.request.header.Origin"]
    content {
      request_parameter_key = request_parameter.value
      required              = false
    }
  }
}

resource "aws_apigatewayv2_route" "say" {
  api_id                              = aws_apigatewayv2_api.chat.id
  route_key                           = "say"
  operation_name                      = var.changed ? "Say2" : "Say"
  model_selection_expression          = "$request.body.action"
  request_models                      = { say = aws_apigatewayv2_model.message.name }
  route_response_selection_expression = "$default"
  target                              = "integrations/${aws_apigatewayv2_integration.mock.id}"
}

resource "aws_apigatewayv2_route_response" "say" {
  api_id                     = aws_apigatewayv2_api.chat.id
  route_id                   = aws_apigatewayv2_route.say.id
  route_response_key         = "$default"
  model_selection_expression = var.changed ? "message" : null
}

resource "aws_apigatewayv2_route" "default" {
  api_id    = aws_apigatewayv2_api.chat.id
  route_key = "$default"
  target    = "integrations/${var.changed ? aws_apigatewayv2_integration.http.id : aws_apigatewayv2_integration.proxy.id}"
}

resource "aws_apigatewayv2_deployment" "chat" {
  api_id      = aws_apigatewayv2_api.chat.id
  description = var.changed ? "second" : "first"
  triggers    = { routes = sha1(jsonencode([aws_apigatewayv2_route.say.operation_name, aws_apigatewayv2_route.default.target])) }
  depends_on = [
    aws_apigatewayv2_route.connect, aws_apigatewayv2_route.default, aws_apigatewayv2_route_response.say, aws_apigatewayv2_integration_response.mock,
  ]
  lifecycle { create_before_destroy = true }
}

resource "aws_apigatewayv2_stage" "prod" {
  api_id          = aws_apigatewayv2_api.chat.id
  name            = "prod"
  deployment_id   = aws_apigatewayv2_deployment.chat.id
  description     = "production"
  stage_variables = var.changed ? { color = "green" } : { color = "blue", size = "small" }
  default_route_settings {
    throttling_burst_limit = 100
    throttling_rate_limit  = var.changed ? 50 : 40
  }
  dynamic "route_settings" {
    for_each = var.changed ? [] : ["say"]
    content {
      route_key              = route_settings.value
      throttling_burst_limit = 10
      throttling_rate_limit  = 5
    }
  }
  tags = { stage = "prod" }
}

output "url" { value = aws_apigatewayv2_stage.prod.invoke_url }
output "imports" {
  value = {
    "aws_apigatewayv2_api.chat"                  = aws_apigatewayv2_api.chat.id
    "aws_apigatewayv2_model.message"             = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_model.message.id}"
    "aws_apigatewayv2_integration.mock"          = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_integration.mock.id}"
    "aws_apigatewayv2_integration.http"          = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_integration.http.id}"
    "aws_apigatewayv2_integration.proxy"         = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_integration.proxy.id}"
    "aws_apigatewayv2_integration_response.mock" = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_integration.mock.id}/${aws_apigatewayv2_integration_response.mock.id}"
    "aws_apigatewayv2_route.connect"             = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_route.connect.id}"
    "aws_apigatewayv2_route.default"             = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_route.default.id}"
    "aws_apigatewayv2_route.say"                 = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_route.say.id}"
    "aws_apigatewayv2_route_response.say"        = "${aws_apigatewayv2_api.chat.id}/${aws_apigatewayv2_route.say.id}/${aws_apigatewayv2_route_response.say.id}"
    "aws_apigatewayv2_stage.prod"                = "${aws_apigatewayv2_api.chat.id}/prod"
  }
}
