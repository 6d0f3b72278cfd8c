// Package wsapptest tests apps of package wsapp in memory: real gateway, real frames, no network, no ports, no waiting.
//
//	func TestEcho(t *testing.T) {
//		test := wsapptest.New(t, newApp())
//		c := test.Connect()
//		c.Send(`{"action":"echo","text":"hello"}`)
//		c.Expect(`"hello"`)
//	}
//
// [New] starts the app, [Test.Connect] connects a [Client] over a pipe. What happens is recorded ([Test.Events]); time passes when
// the test says so ([Test.Advance]); what goes wrong on AWS now and then goes wrong when the test wants it: [Test.Gone], [Test.Throttle], [Test.Slow],
// [Client.Vanish], [Test.LoseDisconnects]. The table of connections is kept in memory with the same calls as on AWS, so that stale connections
// are met and removed as there.
//
// Each test has a gateway of its own, so tests may run in parallel. Everything is made of channels and pipes: a test works inside a bubble of
// testing/synctest too, where time.Sleep moves the gateway's clock.
//
// What is not here: AWS's APIs. A function that calls DynamoDB by itself is tested with package sallyport.
package wsapptest
