//go:build lambda.norpc

// Package sallyport, in a program that is built for Lambda, is Main alone: there is no server in it.
package sallyport

import "github.com/sallyport/sallyport/wsapp"

// Main is the program of an app. In Lambda it answers events.
func Main(app *wsapp.App) { wsapp.Main(app) }
