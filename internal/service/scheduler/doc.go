// Package scheduler is EventBridge Scheduler: schedules that call one target each, in groups.
//
// scheduler.go is the service; schedules.go and groups.go are the operations; fire.go runs the timers, which are jobs of a queue
// guarded by the schedule's document, and deliver.go calls the target; resources.go is CloudFormation. What an expression means is
// in package events/schedule, what a target is in events/delivery.
package scheduler
