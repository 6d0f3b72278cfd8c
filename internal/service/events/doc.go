// Package events is Amazon EventBridge: buses, rules with patterns or schedules, their targets, archives, connections.
//
//   - events.go: the service, what it stands on, its table of operations.
//   - names.go, documents.go, errors.go: names and ARNs, what is kept, AWS's words.
//   - buses.go, rules.go, targets.go, permissions.go, tags.go: the operations on them.
//   - put.go: an event comes in, is held against the rules of its bus (matching.go), and becomes a durable job
//     for each of their targets. Its id, and those of the jobs, follow from the request if that may come again.
//   - deliver.go: a job gives it to its target, tries again what fails, and ends with a dead letter. What may come again is remembered.
//   - scheduled.go: rules with a schedule are timers of a queue, guarded by the rule's document.
//   - archives.go, replays.go: events that are kept, and sent again.
//   - connections.go, destinations.go, invoke.go: API destinations, which are HTTP calls.
//   - resources.go: what CloudFormation makes of these.
//
// The languages are in packages eventpattern, schedule and transform; package delivery knows the services behind targets. Not here:
// partner event sources, global endpoints, pipes, schema registries; Kinesis, ECS, Batch and the like are taken as targets, and
// each delivery to them fails with a clear reason.
package events
