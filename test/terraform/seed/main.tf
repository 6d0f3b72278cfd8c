# Three functions behind the three routes that every WebSocket API has, and what is often forgotten: to deploy, to grant, and a route
# for $connect.

variable "changed" { default = false }
variable "deployed" { default = false }
variable "granted" { default = false }

locals {
  routes = { "$connect" = "on_connect", "$disconnect" = "on_disconnect", "$default" = "on_default" }
}

resource "aws_iam_role" "function" {
  name               = "tf-seed"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

resource "aws_lambda_function" "on" {
  for_each         = local.routes
  function_name    = each.value
  filename         = "function.zip"
  source_code_hash = filebase64sha256("function.zip")
  handler          = "index.echo"
  runtime          = "nodejs20.x"
  role             = aws_iam_role.function.arn
  environment { variables = { GREETING = var.changed ? "changed" : each.value } }
}

resource "aws_lambda_permission" "on" {
  for_each      = var.granted ? local.routes : {}
  statement_id  = "gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.on[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.websocket.execution_arn}/*"
}

resource "aws_apigatewayv2_api" "websocket" {
  name                       = "tf-seed"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "on" {
  for_each               = local.routes
  api_id                 = aws_apigatewayv2_api.websocket.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.on[each.key].arn
  integration_method     = "POST"
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "on" {
  for_each  = local.routes
  api_id    = aws_apigatewayv2_api.websocket.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.on[each.key].id}"
}

resource "aws_apigatewayv2_deployment" "now" {
  count      = var.deployed ? 1 : 0
  api_id     = aws_apigatewayv2_api.websocket.id
  depends_on = [aws_apigatewayv2_route.on]
}

resource "aws_apigatewayv2_stage" "prod" {
  api_id        = aws_apigatewayv2_api.websocket.id
  name          = "prod"
  deployment_id = one(aws_apigatewayv2_deployment.now[*].id)
}

# The wrong example: no route but one for messages.
resource "aws_apigatewayv2_api" "lonely" {
  name                       = "tf-seed-lonely"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "lonely" {
  api_id           = aws_apigatewayv2_api.lonely.id
  integration_type = "AWS_PROXY"
  integration_uri  = aws_lambda_function.on["$default"].invoke_arn
}

resource "aws_apigatewayv2_route" "lonely" {
  api_id    = aws_apigatewayv2_api.lonely.id
  route_key = "sendMessage"
  target    = "integrations/${aws_apigatewayv2_integration.lonely.id}"
}

resource "aws_apigatewayv2_stage" "lonely" {
  api_id      = aws_apigatewayv2_api.lonely.id
  name        = "prod"
  auto_deploy = true
  depends_on  = [aws_apigatewayv2_route.lonely]
}

output "url" { value = aws_apigatewayv2_stage.prod.invoke_url }
output "lonely" { value = aws_apigatewayv2_stage.lonely.invoke_url }
output "imports" {
  value = merge(
    { for key, i in aws_apigatewayv2_integration.on : "aws_apigatewayv2_integration.on[\"${key}\"]" => "${i.api_id}/${i.id}" },
    { for key, r in aws_apigatewayv2_route.on : "aws_apigatewayv2_route.on[\"${key}\"]" => "${r.api_id}/${r.id}" },
  )
}
