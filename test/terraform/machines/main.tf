# State machines, and who may start them.

variable "changed" { default = false }

resource "aws_iam_role" "machine" {
  name               = "tf-machine"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "states.amazonaws.com" } }] })
}

resource "aws_sfn_state_machine" "order" {
  name     = "tf-order"
  role_arn = aws_iam_role.machine.arn
  definition = jsonencode({
    StartAt = "Take"
    States = {
      Take = { Type = "Pass", Result = { taken = true }, Next = "Wait" }
      Wait = { Type = "Wait", Seconds = var.changed ? 2 : 1, Next = "Done" }
      Done = { Type = "Succeed" }
    }
  })
  tags = { app = var.changed ? "changed" : "order" }
}

resource "aws_sfn_state_machine" "quick" {
  name       = "tf-quick"
  type       = "EXPRESS"
  role_arn   = aws_iam_role.machine.arn
  definition = jsonencode({ Comment = var.changed ? "changed" : "quick", StartAt = "P", States = { P = { Type = "Pass", End = true } } })
}

resource "aws_sfn_activity" "baker" {
  name = "tf-baker"
  tags = { app = var.changed ? "changed" : "baker" }
}

output "imports" {
  value = {
    "aws_sfn_state_machine.order" = aws_sfn_state_machine.order.arn
    "aws_sfn_state_machine.quick" = aws_sfn_state_machine.quick.arn
    "aws_sfn_activity.baker"      = aws_sfn_activity.baker.id
  }
}
