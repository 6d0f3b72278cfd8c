# Tables of all the usual kinds.

variable "changed" { default = false }

resource "aws_dynamodb_table" "connections" {
  name         = "tf-connections"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "connectionId"
  range_key    = "room"
  attribute {
    name = "connectionId"
    type = "S"
  }
  attribute {
    name = "room"
    type = "S"
  }
  attribute {
    name = "since"
    type = "N"
  }
  global_secondary_index {
    name            = "byRoom"
    hash_key        = "room"
    range_key       = "since"
    projection_type = "ALL"
  }
  dynamic "global_secondary_index" {
    for_each = var.changed ? ["bySince"] : []
    content {
      name            = global_secondary_index.value
      hash_key        = "since"
      projection_type = "KEYS_ONLY"
    }
  }
  ttl {
    attribute_name = "expires"
    enabled        = true
  }
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
  tags             = var.changed ? { app = "chat", changed = "yes" } : { app = "chat" }
}

resource "aws_dynamodb_table" "orders" {
  name           = "tf-orders"
  billing_mode   = "PROVISIONED"
  read_capacity  = var.changed ? 6 : 5
  write_capacity = 5
  hash_key       = "customer"
  range_key      = "order"
  attribute {
    name = "customer"
    type = "S"
  }
  attribute {
    name = "order"
    type = "B"
  }
  attribute {
    name = "amount"
    type = "N"
  }
  local_secondary_index {
    name               = "byAmount"
    range_key          = "amount"
    projection_type    = "INCLUDE"
    non_key_attributes = ["state"]
  }
  point_in_time_recovery { enabled = var.changed }
  deletion_protection_enabled = false
}

resource "aws_dynamodb_table_item" "first" {
  table_name = aws_dynamodb_table.orders.name
  hash_key   = "customer"
  range_key  = "order"
  item       = jsonencode({ customer = { S = "me" }, order = { B = "AAE=" }, amount = { N = var.changed ? "2" : "1" } })
}

output "imports" {
  value = {
    "aws_dynamodb_table.connections" = aws_dynamodb_table.connections.name
    "aws_dynamodb_table.orders"      = aws_dynamodb_table.orders.name
  }
}
