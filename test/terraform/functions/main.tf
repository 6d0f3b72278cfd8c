# Functions and whom they may act for.

variable "changed" { default = false }

resource "aws_iam_role" "worker" {
  name                 = "tf-worker"
  path                 = "/app/"
  max_session_duration = var.changed ? 7200 : 3600
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
  tags = { app = "worker" }
}

resource "aws_iam_policy" "push" {
  name = "tf-push"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.changed ? ["execute-api:ManageConnections", "execute-api:Invoke"] : ["execute-api:ManageConnections"], Resource = "*" }]
  })
}

resource "aws_iam_role_policy" "table" {
  name = "table"
  role = aws_iam_role.worker.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.changed ? "dynamodb:*" : "dynamodb:GetItem", Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "push" {
  role       = aws_iam_role.worker.name
  policy_arn = aws_iam_policy.push.arn
}

resource "aws_iam_role_policy_attachment" "basic" {
  role       = aws_iam_role.worker.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/${var.changed ? "AWSLambdaDynamoDBExecutionRole" : "AWSLambdaBasicExecutionRole"}"
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/aws/lambda/tf-worker"
  retention_in_days = var.changed ? 3 : 1
}

resource "aws_lambda_layer_version" "shared" {
  layer_name          = "tf-shared"
  filename            = "function.zip"
  compatible_runtimes = ["nodejs20.x"]
  description         = var.changed ? "second" : "first"
}

resource "aws_lambda_function" "worker" {
  function_name                  = "tf-worker"
  description                    = var.changed ? "changed" : "works"
  filename                       = "function.zip"
  source_code_hash               = filebase64sha256("function.zip")
  handler                        = "index.echo"
  runtime                        = "nodejs20.x"
  architectures                  = ["x86_64"]
  role                           = aws_iam_role.worker.arn
  memory_size                    = var.changed ? 512 : 256
  timeout                        = 10
  publish                        = true
  reserved_concurrent_executions = var.changed ? 3 : 2
  layers                         = [aws_lambda_layer_version.shared.arn]
  environment { variables = { TABLE = var.changed ? "new" : "old" } }
  tags       = { app = var.changed ? "changed" : "worker" }
  depends_on = [aws_cloudwatch_log_group.worker]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = var.changed ? "changed" : "what clients call"
  function_name    = aws_lambda_function.worker.function_name
  function_version = aws_lambda_function.worker.version
}

resource "aws_lambda_function_event_invoke_config" "worker" {
  function_name                = aws_lambda_function.worker.function_name
  maximum_event_age_in_seconds = var.changed ? 120 : 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_function_url" "worker" {
  function_name      = aws_lambda_function.worker.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.changed ? "AWS_IAM" : "NONE"
  cors {
    allow_origins = ["https://app.example"]
    max_age       = var.changed ? 120 : 60
  }
}

resource "aws_lambda_permission" "events" {
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.worker.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = var.changed ? "sns.amazonaws.com" : "events.amazonaws.com"
}

output "imports" {
  value = {
    "aws_iam_role.worker"                            = aws_iam_role.worker.name
    "aws_iam_policy.push"                            = aws_iam_policy.push.arn
    "aws_iam_role_policy.table"                      = "${aws_iam_role.worker.name}:table"
    "aws_iam_role_policy_attachment.push"            = "${aws_iam_role.worker.name}/${aws_iam_policy.push.arn}"
    "aws_cloudwatch_log_group.worker"                = aws_cloudwatch_log_group.worker.name
    "aws_lambda_alias.live"                          = "${aws_lambda_function.worker.function_name}/live"
    "aws_lambda_function_event_invoke_config.worker" = aws_lambda_function.worker.function_name
    "aws_lambda_function_url.worker"                 = "${aws_lambda_function.worker.function_name}/live"
    "aws_lambda_permission.events"                   = "${aws_lambda_function.worker.function_name}:live/events"
  }
}
