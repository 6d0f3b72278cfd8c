variable "endpoint" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "AKIAIOSFODNN7EXAMPLE"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { dynamodb = var.endpoint }
}

resource "aws_dynamodb_table" "plain" {
  name         = "plain"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "connectionId"
  attribute {
    name = "connectionId"
    type = "S"
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
  tags = { app = "chat" }
}

resource "aws_dynamodb_table" "full" {
  name             = "full"
  billing_mode     = "PROVISIONED"
  read_capacity    = 5
  write_capacity   = 5
  hash_key         = "pk"
  range_key        = "sk"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "N"
  }
  attribute {
    name = "who"
    type = "S"
  }
  global_secondary_index {
    name               = "byWho"
    hash_key           = "who"
    range_key          = "sk"
    projection_type    = "INCLUDE"
    non_key_attributes = ["x"]
    read_capacity      = 1
    write_capacity     = 1
  }
  local_secondary_index {
    name            = "byWhoHere"
    range_key       = "who"
    projection_type = "KEYS_ONLY"
  }
  point_in_time_recovery { enabled = true }
}
