package scheduler

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/bus/bustest"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// TestCrash lets the process die after every single write between two times of a schedule: at each time, it calls its target once.
func TestCrash_EV058(t *testing.T) {
	for writes := int64(1); writes < 24; writes++ { // with none, it does not begin
		t.Run(fmt.Sprint("after ", writes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stores, b := mem.New(), busmem.New()
				f := start(t, stores, b)
				if _, failure := f.call("sqs", "CreateQueue", object{"QueueName": "q"}); failure != "" {
					t.Fatal(failure)
				}
				target := object{"Arn": "arn:aws:sqs:us-east-1:111111111111:q", "RoleArn": "arn:aws:iam::111111111111:role/r", "Input": "<aws.scheduler.scheduled-time>"}
				f.schedule("s", "rate(10 minutes)", object{"Target": target})
				time.Sleep(5 * time.Minute)
				f.stop()

				p := bustest.NewMortal(writes)
				f = start(t, p.Stores(stores), p.Bus(b))
				select {
				case <-p.Dead():
				case <-time.After(20 * time.Minute):
				}
				f.stop()

				f = start(t, stores, b)
				defer f.stop()
				time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 35, 0, 0, time.UTC)))
				times := map[string]int{}
				for {
					out, failure := f.call("sqs", "ReceiveMessage", object{"QueueUrl": "https://x/111111111111/q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1})
					some, _ := out["Messages"].([]any)
					if failure != "" || len(some) == 0 {
						break
					}
					for _, m := range some {
						times[m.(object)["Body"].(string)]++
					}
				}
				if fmt.Sprint(times) != "map[2000-01-01T00:00:00Z:1 2000-01-01T00:10:00Z:1 2000-01-01T00:20:00Z:1 2000-01-01T00:30:00Z:1]" {
					t.Error(times)
				}
			})
		})
	}
}
