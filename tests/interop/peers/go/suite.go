// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const suiteDeadline = 60 * time.Second

// redis sends one command and returns its answer, the elements of an array.
func redis(address string, words ...string) ([]string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(suiteDeadline))
	fmt.Fprintf(conn, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(word), word)
	}
	return redisAnswer(bufio.NewReader(conn))
}

func redisAnswer(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimSpace(line[1:])
	if kind == '-' {
		return nil, fmt.Errorf("redis: %s", rest)
	}
	count, err := strconv.Atoi(rest)
	if err != nil || kind == ':' || kind == '+' {
		return []string{rest}, nil
	}
	if count < 0 {
		return nil, fmt.Errorf("redis: nothing came in time")
	}
	if kind == '$' {
		data := make([]byte, count+2)
		_, err := io.ReadFull(r, data)
		return []string{string(data[:count])}, err
	}
	var all []string
	for range count {
		one, err := redisAnswer(r)
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// suitePorts has what follows the IP address of a listener.
var suitePorts = map[string]string{"tcp": "tcp/0", "quic-v1": "udp/0/quic-v1", "ws": "tcp/0/ws", "wss": "tcp/0/tls/ws"}

// runSuite does what a test program of the official interop suite does: it is
// told by environment variables what it is, and meets the other one at a redis.
func runSuite([]string) error {
	o := options{
		transport: os.Getenv("TRANSPORT"),
		// Absent where they are a part of the transport.
		security: cmp.Or(os.Getenv("SECURE_CHANNEL"), "noise"),
		muxer:    cmp.Or(os.Getenv("MUXER"), "yamux"),
		// Files for wss, of which the suite says nothing.
		tlsCertificate: os.Getenv("TLS_CERTIFICATE"),
		tlsKey:         os.Getenv("TLS_KEY"),
		tlsTrust:       os.Getenv("TLS_TRUST"),
	}
	address, key := os.Getenv("REDIS_ADDR"), os.Getenv("TEST_KEY")+"_listener_multiaddr"
	if os.Getenv("IS_DIALER") == "true" {
		return suiteDial(&o, address, key)
	}
	return suiteListen(&o, address, key)
}

func suiteListen(o *options, address, key string) error {
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGTERM, syscall.SIGINT)
	h, err := newHost(o, fmt.Sprintf("/ip4/%s/%s", os.Getenv("LISTENER_IP"), suitePorts[o.transport]))
	if err != nil {
		return err
	}
	defer h.Close()
	full := fmt.Sprintf("%s/p2p/%s", h.Addrs()[0], h.ID())
	if _, err := redis(address, "RPUSH", key, full); err != nil {
		return err
	}
	<-done
	return nil
}

func suiteDial(o *options, address, key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), suiteDeadline)
	defer cancel()
	h, err := newHost(o)
	if err != nil {
		return err
	}
	defer h.Close()
	answer, err := redis(address, "BLPOP", key, "30")
	if err != nil {
		return err
	}
	remote, err := peer.AddrInfoFromString(answer[len(answer)-1])
	if err != nil {
		return err
	}
	start := time.Now()
	if err := h.Connect(ctx, *remote); err != nil {
		return err
	}
	result := <-ping.Ping(ctx, h, remote.ID)
	if result.Error != nil {
		return result.Error
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("latency:\n  handshake_plus_one_rtt: %.3f\n  ping_rtt: %.3f\n  unit: ms\n",
		ms(time.Since(start)), ms(result.RTT))
	return nil
}
