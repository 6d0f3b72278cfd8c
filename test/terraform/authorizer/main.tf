# A function decides who may connect, another one answers.

variable "changed" { default = false }
data "aws_caller_identity" "me" {}
data "aws_region" "here" {}

resource "aws_iam_role" "function" {
  name        = "tf-authorizer"
  description = var.changed ? "changed" : "of both functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "door" {
  function_name    = "tf-door"
  filename         = "function.zip"
  source_code_hash = filebase64sha256("function.zip")
  handler          = "index.door"
  runtime          = "nodejs20.x"
  role             = aws_iam_role.function.arn
  timeout          = var.changed ? 10 : 5
}

resource "aws_lambda_function" "echo" {
  function_name    = "tf-echo"
  filename         = "function.zip"
  source_code_hash = filebase64sha256("function.zip")
  handler          = "index.echo"
  runtime          = "nodejs20.x"
  role             = aws_iam_role.function.arn
  environment { variables = { GREETING = var.changed ? "hello" : "hi" } }
}

resource "aws_apigatewayv2_api" "guarded" {
  name                       = "tf-guarded"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_authorizer" "door" {
  api_id           = aws_apigatewayv2_api.guarded.id
  authorizer_type  = "REQUEST"
  authorizer_uri   = aws_lambda_function.door.invoke_arn
  identity_sources = var.changed ? ["route.request.querystring.token", "context.stage"] : ["route.request.querystring.token"]
  name             = "door"
}

resource "aws_lambda_permission" "door" {
  statement_id  = "door"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.door.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.guarded.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.door.id}"
}

resource "aws_lambda_permission" "echo" {
  statement_id   = var.changed ? "echo2" : "echo"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.echo.function_name
  principal      = "apigateway.amazonaws.com"
  source_arn     = "${aws_apigatewayv2_api.guarded.execution_arn}/*"
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_apigatewayv2_integration" "echo" {
  api_id             = aws_apigatewayv2_api.guarded.id
  integration_type   = "AWS_PROXY"
  integration_uri    = aws_lambda_function.echo.invoke_arn
  integration_method = "POST"
}

resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.guarded.id
  route_key          = "$connect"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.door.id
  target             = "integrations/${aws_apigatewayv2_integration.echo.id}"
}

resource "aws_apigatewayv2_route" "default" {
  api_id                              = aws_apigatewayv2_api.guarded.id
  route_key                           = "$default"
  route_response_selection_expression = "$default"
  target                              = "integrations/${aws_apigatewayv2_integration.echo.id}"
}

resource "aws_apigatewayv2_route_response" "default" {
  api_id             = aws_apigatewayv2_api.guarded.id
  route_id           = aws_apigatewayv2_route.default.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_stage" "prod" {
  api_id      = aws_apigatewayv2_api.guarded.id
  name        = "prod"
  auto_deploy = true
  depends_on  = [aws_apigatewayv2_route.connect, aws_apigatewayv2_route_response.default]
}

output "url" { value = aws_apigatewayv2_stage.prod.invoke_url }
output "where" { value = data.aws_region.here.name }
output "imports" {
  value = {
    "aws_iam_role.function"             = aws_iam_role.function.name
    "aws_apigatewayv2_api.guarded"      = aws_apigatewayv2_api.guarded.id
    "aws_apigatewayv2_authorizer.door"  = "${aws_apigatewayv2_api.guarded.id}/${aws_apigatewayv2_authorizer.door.id}"
    "aws_lambda_permission.door"        = "${aws_lambda_function.door.function_name}/door"
    "aws_lambda_permission.echo"        = "${aws_lambda_function.echo.function_name}/${aws_lambda_permission.echo.statement_id}"
    "aws_apigatewayv2_integration.echo" = "${aws_apigatewayv2_api.guarded.id}/${aws_apigatewayv2_integration.echo.id}"
    "aws_apigatewayv2_route.connect"    = "${aws_apigatewayv2_api.guarded.id}/${aws_apigatewayv2_route.connect.id}"
    "aws_apigatewayv2_route.default"    = "${aws_apigatewayv2_api.guarded.id}/${aws_apigatewayv2_route.default.id}"
    "aws_apigatewayv2_stage.prod"       = "${aws_apigatewayv2_api.guarded.id}/prod"
  }
}
