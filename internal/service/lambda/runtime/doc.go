// Package runtime decides how the process of a function is started: which interpreter of this machine stands for a
// runtime name, with which of our bootstraps, in which environment and over which protocol it then asks for work.
//
// Finder.Launch is the way in (launch.go); find.go looks for interpreters; node/ and python/ hold the bootstraps, which
// are embedded and written to a directory when first needed. Ruby, Java and .NET are not run.
package runtime
