// Sockets measures the socket layer against a bare epoll echo server in C.
//
//	go run ./bench/sockets idle              user memory per idle connection
//	go run ./bench/sockets echo -ref PROGRAM CPU per echoed message, as a ratio
//	go run ./bench/sockets hs -ref PROGRAM   CPU per handshake, as a ratio
//	go run ./bench/sockets echo -app route   CPU of an echo by a function of the process, against MOCK's
//	go run ./bench/sockets echo -template    CPU of a template of five references, against a text's
//	go run ./bench/sockets fanout -ref PROGRAM CPU per connection of a push to all
//	go run ./bench/sockets proxy -ref PROGRAM round trips through AWS_PROXY to a warm Go function, as a ratio
//
// With -gateway the first three measure a whole gateway: each message is validated, routed and answered by a MOCK integration.
//
// The server and the client are processes of their own, on processor 0 and 1; of "proxy" both are on 0, and the function's processes on 1,
// as they are with the reference: a bare server of the Runtime API, started as "PROGRAM -impl raw -worker COMMAND -workers N -dur D", which
// prints rt_s=RATE. It may be named by SALLYPORT_BENCH_LAMBDA, also as the folder of its source. Ours answers real WebSocket clients with
// a whole server; engine, logs and all share its processor.
// Compare CPU per message first: rates and latencies are the machine's as much
// as ours. The reference is started as "PROGRAM PORT 1" and may also be named
// by SALLYPORT_BENCH_REF; on SIGUSR2 it pushes 64 bytes to all. Without it there are no ratios. Runs of server and
// reference alternate, and the ratio is the median of the ratios of each pair.
//
// Linux only. It needs two processors and 20,000 descriptors for "idle".
package main
