// SPDX-License-Identifier: LGPL-2.1-or-later

// The go peer of the interop tests: go-libp2p as the others meet it in the
// wild, behind the command line described in ../README.md.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
)

type options struct {
	transport, security, muxer       string
	address, keySeed                 string
	tlsCertificate, tlsKey, tlsTrust string
	uploadBytes                      int
	streams, parallel                int
	steps                            string
}

// fail ends the program for mistakes of the caller: exit status 2.
func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "peer-go: "+format+"\n", args...)
	os.Exit(2)
}

func addCommonFlags(set *flag.FlagSet, o *options) {
	set.StringVar(&o.transport, "transport", "tcp", "transports: tcp, quic-v1, ws, wss")
	set.StringVar(&o.security, "security", "noise", "security: noise, tls or both, the preferred one first")
	set.StringVar(&o.muxer, "muxer", "yamux", "muxer: yamux")
	set.StringVar(&o.keySeed, "key-seed", "", "derive the identity from this number")
	set.StringVar(&o.tlsCertificate, "tls-certificate", "", "what a listener of wss shows, a PEM file")
	set.StringVar(&o.tlsKey, "tls-key", "", "the private key of it, a PEM file")
	set.StringVar(&o.tlsTrust, "tls-trust", "", "what a dialer of wss trusts, a PEM file")
}

// identity makes the Ed25519 key that every peer program derives from a seed
// alike, or a random one without a seed.
func identity(seed string) (crypto.PrivKey, error) {
	if seed == "" {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		return key, err
	}
	sum := sha256.Sum256([]byte("lp2p-peer-key-seed:" + seed))
	key, _, err := crypto.GenerateEd25519Key(strings.NewReader(string(sum[:])))
	return key, err
}

// agent names this program and the library's version for identify.
func agent() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/libp2p/go-libp2p" {
				return "lp2p-peer-go go-libp2p/" + strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "lp2p-peer-go"
}

// webSocketTLS is what the files that were named mean to the transport.
func webSocketTLS(o *options) ([]any, error) {
	var choices []any
	if o.tlsCertificate != "" {
		certificate, err := tls.LoadX509KeyPair(o.tlsCertificate, o.tlsKey)
		if err != nil {
			return nil, err
		}
		choices = append(choices, websocket.WithTLSConfig(&tls.Config{
			Certificates: []tls.Certificate{certificate}}))
	}
	if o.tlsTrust != "" {
		trust, err := os.ReadFile(o.tlsTrust)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(trust) {
			return nil, fmt.Errorf("%s has no certificate in it", o.tlsTrust)
		}
		choices = append(choices, websocket.WithTLSClientConfig(&tls.Config{RootCAs: pool}))
	}
	return choices, nil
}

func newHost(o *options, listen ...string) (host.Host, error) {
	key, err := identity(o.keySeed)
	if err != nil {
		return nil, err
	}
	choices := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent(agent()),
		// Opening many streams at once must meet no limit but the protocol's.
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	}
	for _, name := range strings.Split(o.transport, ",") {
		switch name {
		case "tcp":
			choices = append(choices, libp2p.Transport(tcp.NewTCPTransport))
		case "quic-v1":
			choices = append(choices, libp2p.Transport(libp2pquic.NewTransport))
		case "ws", "wss":
			tls, err := webSocketTLS(o)
			if err != nil {
				return nil, err
			}
			choices = append(choices, libp2p.Transport(websocket.New, tls...))
		default:
			fail("transport %q is not supported, use tcp, quic-v1, ws or wss", name)
		}
	}
	// The first is preferred, when dialing as well as when listening.
	for _, name := range strings.Split(o.security, ",") {
		switch name {
		case "noise":
			choices = append(choices, libp2p.Security(noise.ID, noise.New))
		case "tls":
			choices = append(choices, libp2p.Security(libp2ptls.ID, libp2ptls.New))
		default:
			fail("security %q is not supported, use noise or tls", name)
		}
	}
	switch o.muxer {
	case "yamux":
		choices = append(choices, libp2p.Muxer(yamux.ID, yamux.DefaultTransport))
	default:
		fail("muxer %q is not supported, use yamux", o.muxer)
	}
	if len(listen) == 0 {
		choices = append(choices, libp2p.NoListenAddrs)
	} else {
		choices = append(choices, libp2p.ListenAddrStrings(listen...))
	}
	return libp2p.New(choices...)
}

func runListen(args []string) error {
	var o options
	set := flag.NewFlagSet("listen", flag.ExitOnError)
	addCommonFlags(set, &o)
	set.StringVar(&o.address, "address", "/ip4/127.0.0.1/tcp/0", "multiaddr to listen on")
	set.Parse(args)
	if set.NArg() != 0 {
		fail("listen takes no argument %q", set.Arg(0))
	}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	h, err := newHost(&o, o.address)
	if err != nil {
		return err
	}
	defer h.Close()
	serve(h)
	if len(h.Addrs()) == 0 {
		return errors.New("the host listens on no address")
	}
	fmt.Printf("%s/p2p/%s\n", h.Addrs()[0], h.ID())

	go func() {
		io.Copy(io.Discard, os.Stdin)
		signals <- syscall.SIGTERM
	}()
	for <-signals == syscall.SIGUSR1 {
		reportUsage()
	}
	return nil
}

func main() {
	const usage = "run listen|dial|perf|connect-loop|idle|suite [options]"
	if len(os.Args) < 2 {
		fail("usage: %s", usage)
	}
	var err error
	command, args := os.Args[1], os.Args[2:]
	switch command {
	case "listen":
		err = runListen(args)
	case "dial":
		err = runDial(args)
	case "suite":
		err = runSuite(args)
	default:
		if benches[command] == nil {
			fail("unknown command %q, use %s", command, usage)
		}
		err = runBench(command, args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer-go:", err)
		os.Exit(1)
	}
}
