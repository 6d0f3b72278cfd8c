// Executions measures state machines on a whole server: thousands of executions at once, each with six notifications and five
// waits between them. Every notification goes over an event bus to a log group, where it is counted afterwards: none may be lost,
// doubled or out of order.
//
//	go run ./bench/executions                10,000 executions with waits of one second
//	go run ./bench/executions -kill          the same, with a kill -9 in the middle
//	go run ./bench/executions -n 500 -wait 5
//
// It prints what it starts per second, what states it takes per second, what the server's memory grows by, how late waits end, and the
// processor time of each execution: compare that first, the rates are the machine's as much as ours.
// The server is a process of its own, with its data in a folder that is removed afterwards.
//
// main.go is the course of a measurement, server.go the server's process, app.go what runs in it, account.go the count.
//
// Linux only: it reads /proc.
package main
