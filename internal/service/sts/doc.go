// Package sts answers who the caller is, and gives temporary credentials. It keeps nothing: sessions are made by whoever
// implements Sessions, which is package iam.
package sts
