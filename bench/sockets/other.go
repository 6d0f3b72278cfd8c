//go:build !linux

package main

import "log"

func main() { log.Fatal("sockets: measures on Linux only") }
