terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region = "us-east-1"
}
data "aws_caller_identity" "me" {}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "r" {
  name               = "tf-role"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = { a = "b" }
}
resource "aws_iam_role_policy" "p" {
  role   = aws_iam_role.r.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "execute-api:ManageConnections", Resource = "*" }] })
}
resource "aws_iam_policy" "m" {
  name   = "tf-pol"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:*"], Resource = "*" }] })
}
resource "aws_iam_role_policy_attachment" "a" {
  role       = aws_iam_role.r.name
  policy_arn = aws_iam_policy.m.arn
}
resource "aws_iam_role_policy_attachment" "b" {
  role       = aws_iam_role.r.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
resource "aws_iam_user" "u" {
  name = "tf-user"
}
resource "aws_iam_access_key" "k" {
  user = aws_iam_user.u.name
}
resource "aws_iam_instance_profile" "ip" {
  name = "ip"
  role = aws_iam_role.r.name
}
resource "aws_iam_group" "g" {
  name = "gg"
}
resource "aws_iam_user_group_membership" "ug" {
  user   = aws_iam_user.u.name
  groups = [aws_iam_group.g.name]
}
output "acct" {
  value = data.aws_caller_identity.me.account_id
}
