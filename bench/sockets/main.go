//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

type options struct {
	role     string
	addr     string
	ref      string
	n        int
	from, to int
	size     int
	runs     int
	window   int
	attach   int
	secure   bool
	gateway  bool
	app      string
	template bool
	proxy    bool
	workers  int
	profile  string
	duration time.Duration
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: sockets idle|echo|hs|fanout|proxy [flags]")
		os.Exit(2)
	}
	var o options
	o.role = os.Args[1]
	f := flag.NewFlagSet(o.role, flag.ExitOnError)
	f.StringVar(&o.addr, "addr", "", "address to serve on or to load (for the processes this program starts)")
	ref := os.Getenv("SALLYPORT_BENCH_REF")
	if o.role == "proxy" {
		ref = os.Getenv("SALLYPORT_BENCH_LAMBDA")
	}
	f.StringVar(&o.ref, "ref", ref, "reference server, started as PROGRAM PORT 1; proxy: a bare server of the Runtime API, as a program or the folder of its source")
	f.IntVar(&o.n, "n", 1000, "connections")
	f.IntVar(&o.from, "from", 10000, "idle: connections of the first measurement")
	f.IntVar(&o.to, "to", 19000, "idle: connections of the second measurement")
	f.IntVar(&o.size, "size", 128, "bytes of a message")
	f.IntVar(&o.runs, "runs", 5, "how often")
	f.IntVar(&o.window, "window", 1, "messages in flight per connection")
	f.IntVar(&o.attach, "attach", 0, "idle: bytes that the server keeps per connection, as a gateway does")
	f.BoolVar(&o.secure, "tls", false, "over TLS (idle only)")
	f.BoolVar(&o.gateway, "gateway", false, "measure a whole gateway that validates, routes and answers by MOCK, not the bare sockets (idle, echo, hs)")
	f.StringVar(&o.app, "app", "", "echo: an app of package wsapp in the process against MOCK; its route runs on a goroutine (route) or in the loop (inline). fanout: its Broadcast")
	f.BoolVar(&o.template, "template", false, "echo: MOCK with a template of five references against MOCK with a text")
	f.IntVar(&o.workers, "workers", 0, "proxy: processes of the function, and messages in flight; 0: first 1, then 4")
	f.BoolVar(&o.proxy, "proxy", o.role == "proxy", "a whole server with a function (for the processes this program starts)")
	f.StringVar(&o.profile, "profile", "", "file for the server's CPU profile")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "measured time of a run")
	f.Parse(os.Args[2:])
	var err error
	switch o.role {
	case "serve":
		err = serve(o)
	case "worker":
		err = work()
	case "load":
		err = load(o)
	case "idle":
		err = idle(o)
	case "echo", "hs":
		err = compare(o)
	case "proxy":
		err = proxy(o)
	case "fanout":
		o.size = 64 // as the reference does
		err = compare(o)
	default:
		err = fmt.Errorf("no measurement is called %q", o.role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// idle prints the slope of the server's anonymous memory over its connections.
func idle(o options) error {
	var slopes []float64
	for range o.runs {
		srv, err := startServer(o, "")
		if err != nil {
			return err
		}
		first, err := srv.hold(o, o.from)
		if err == nil {
			var second int
			if second, err = srv.hold(o, o.to); err == nil {
				slope := float64(second-first) / float64(o.to-o.from)
				fmt.Printf("%d: %d KB, %d: %d KB, slope %.0f B/connection\n", o.from, first/1024, o.to, second/1024, slope)
				slopes = append(slopes, slope)
			}
		}
		srv.stop()
		if err != nil {
			return err
		}
	}
	fmt.Printf("median %.0f B of user memory per idle connection (%d B of them attached)\n", median(slopes), o.attach)
	return nil
}

// compare prints CPU per message or handshake, ours and the reference's.
func compare(o options) error {
	servers := []string{""}
	if (o.app != "" || o.template) && o.role == "echo" {
		o.gateway, o.ref = true, mockRef
		if o.template {
			o.size = max(o.size, 256) // there must be room for what the template renders
		}
	}
	if o.ref == "" {
		fmt.Println("no reference: -ref or SALLYPORT_BENCH_REF names none")
	} else {
		servers = append(servers, o.ref)
	}
	var ratios, rates []float64
	for range o.runs {
		var r [2]result
		for i, ref := range servers {
			var err error
			if o.role == "fanout" {
				r[i], err = fanout(o, ref)
			} else {
				r[i], err = measure(o, ref)
			}
			if err != nil {
				return err
			}
		}
		fmt.Printf("ours %.2f µs (%.0f/s)", r[0].CPU, r[0].Rate)
		if o.ref != "" {
			ratios = append(ratios, r[0].CPU/r[1].CPU)
			rates = append(rates, r[0].Rate/r[1].Rate)
			fmt.Printf("   ref %.2f µs (%.0f/s)   x-cpu %.3f x-rate %.3f", r[1].CPU, r[1].Rate, ratios[len(ratios)-1], rates[len(rates)-1])
		}
		fmt.Println()
	}
	if len(ratios) > 0 {
		fmt.Printf("%s n=%d size=%d window=%d: median x-cpu %.3f, x-rate %.3f\n", o.role, o.n, o.size, o.window, median(ratios), median(rates))
	}
	return nil
}

func measure(o options, ref string) (result, error) {
	srv, err := startServer(o, ref)
	if err != nil {
		return result{}, err
	}
	defer srv.stop()
	return srv.load(o)
}

// fanout measures a push to all of o.n connections that only listen.
func fanout(o options, ref string) (result, error) {
	srv, err := startServer(o, ref)
	if err != nil {
		return result{}, err
	}
	defer srv.stop()
	if _, err := srv.hold(o, o.n); err != nil {
		return result{}, err
	}
	return srv.fanout(o)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}
