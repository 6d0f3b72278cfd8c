//go:build !linux

package natsd

// ordersRenames is known of file systems of Linux only.
func ordersRenames(string) bool { return false }
