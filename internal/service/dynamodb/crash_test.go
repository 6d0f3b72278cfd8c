package dynamodb

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// crashDir tells the child of TestKill where its data is.
const crashDir = "SALLYPORT_TEST_CRASH_DIR"

// TestKillChild is no test: it is the process that TestKill kills. It writes for ever and says on standard output what was acknowledged.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs only as a child of TestKill")
	}
	server, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := startOver(t, nats.New(server.Conn()))
	c.ok("CreateTable", messages)
	for i := 0; ; i++ {
		switch i % 3 {
		case 0:
			c.okf("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"p"},"sk":{"N":"%d"},"who":{"S":"w"}}}`, i)
		case 1:
			c.okf("UpdateItem", `{"TableName":"messages","Key":{"pk":{"S":"p"},"sk":{"N":"%d"}},"UpdateExpression":"SET who = :w","ExpressionAttributeValues":{":w":{"S":"w"}}}`, i)
		case 2:
			c.okf("TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"messages","Item":{"pk":{"S":"p"},"sk":{"N":"%d"},"who":{"S":"w"}}}},
				{"Put":{"TableName":"messages","Item":{"pk":{"S":"twin"},"sk":{"N":"%d"},"who":{"S":"w"}}}}]}`, i, i)
		}
		fmt.Println("acknowledged", i)
	}
}

// TestKill_DY109 kills a writing process with SIGKILL: every acknowledged write is there afterwards, and no transaction is half there.
func TestKill_DY109(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.v")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "acknowledged "); ok {
			if _, err := fmt.Sscan(n, &last); err != nil {
				t.Fatal(err)
			}
		}
		if last == 500 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if last < 500 {
		t.Fatalf("the child ended after %d writes", last)
	}

	server, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := startOver(t, nats.New(server.Conn()))
	count := func(index, name, hash string) int {
		found := c.okf("Query", `{"TableName":"messages",%s"Select":"COUNT","KeyConditionExpression":"%s = :h","ExpressionAttributeValues":{":h":{"S":"%s"}}}`, index, name, hash)
		return int(found["Count"].(float64))
	}
	ps, twins := count("", "pk", "p"), count("", "pk", "twin")
	if ps < last+1 || twins != ps/3 {
		t.Errorf("%d items and %d twins after %d acknowledged writes", ps, twins, last+1)
	}
	if got := count(`"IndexName":"byWho",`, "who", "w"); got != ps+twins {
		t.Errorf("the index has %d items, the table %d", got, ps+twins)
	}
}
