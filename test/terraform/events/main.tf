# Events that rules send to queues and topics.

variable "changed" { default = false }

resource "aws_cloudwatch_event_bus" "orders" {
  name        = "tf-orders"
  description = var.changed ? "changed" : "what happens to orders"
  tags        = { app = "orders" }
}

resource "aws_cloudwatch_event_rule" "placed" {
  name           = "tf-placed"
  description    = var.changed ? "changed" : "orders that were placed"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  event_pattern  = jsonencode({ source = ["orders"], "detail-type" = var.changed ? ["placed", "changed"] : ["placed"] })
}

resource "aws_cloudwatch_event_rule" "hourly" {
  name                = "tf-hourly"
  schedule_expression = var.changed ? "rate(2 hours)" : "rate(1 hour)"
  state               = "DISABLED"
}

# The provider waits half a minute for each change of a queue, so there is one alone.
resource "aws_sqs_queue" "orders" {
  name                       = "tf-orders"
  visibility_timeout_seconds = var.changed ? 60 : 30
  tags                       = { app = "orders" }
}

resource "aws_sns_topic" "news" {
  name         = "tf-news"
  display_name = var.changed ? "changed" : "news"
  tags         = { app = "orders" }
}

resource "aws_sns_topic_policy" "news" {
  arn = aws_sns_topic.news.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = var.changed ? "changed" : "events", Effect = "Allow", Action = "sns:Publish", Resource = aws_sns_topic.news.arn
      Principal = { Service = "events.amazonaws.com" }
    }]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = aws_sns_topic.news.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.orders.arn
  raw_message_delivery = var.changed
  filter_policy        = jsonencode({ kind = ["order"] })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.placed.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "queue"
  arn            = aws_sqs_queue.orders.arn
  input_path     = var.changed ? "$.detail" : null
}

resource "aws_cloudwatch_event_target" "transformed" {
  rule           = aws_cloudwatch_event_rule.placed.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "transformed"
  arn            = aws_sqs_queue.orders.arn
  input_transformer {
    input_paths    = { id = "$.detail.id" }
    input_template = var.changed ? "{\"id\": <id>}" : "{\"order\": <id>}"
  }
}

output "imports" {
  value = {
    "aws_cloudwatch_event_bus.orders"   = aws_cloudwatch_event_bus.orders.name
    "aws_cloudwatch_event_rule.placed"  = "${aws_cloudwatch_event_bus.orders.name}/${aws_cloudwatch_event_rule.placed.name}"
    "aws_cloudwatch_event_target.queue" = "${aws_cloudwatch_event_bus.orders.name}/${aws_cloudwatch_event_rule.placed.name}/queue"
    "aws_sqs_queue.orders"              = aws_sqs_queue.orders.id
    "aws_sns_topic.news"                = aws_sns_topic.news.arn
  }
}
