// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

const stepDeadline = 30 * time.Second

type detail map[string]any

type dialer struct {
	options
	host       host.Host
	remote     peer.AddrInfo
	identified event.Subscription
}

type step struct {
	name string
	run  func(*dialer, context.Context) (detail, error)
	// Done only when it is named.
	extra bool
}

var allSteps = []step{
	{name: "connect", run: (*dialer).connect},
	{name: "identify", run: (*dialer).identify},
	{name: "ping", run: (*dialer).ping},
	{name: "upload", run: (*dialer).upload},
	{name: "download", run: (*dialer).download},
	{name: "streams", run: (*dialer).manyStreams},
	{name: "half-close", run: (*dialer).halfClose},
	{name: "reset", run: (*dialer).reset},
	{name: "datagrams", run: (*dialer).datagrams, extra: true},
	{name: "wrong-peer", run: (*dialer).wrongPeer},
}

// chooseSteps keeps the order of the list above; connect is always among them.
func chooseSteps(list string) []step {
	if list == "" {
		return slices.DeleteFunc(slices.Clone(allSteps), func(s step) bool { return s.extra })
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.ContainsFunc(allSteps, func(s step) bool { return s.name == name }) {
			fail("unknown step %q", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(allSteps), func(s step) bool {
		return s.name != "connect" && !slices.Contains(names, s.name)
	})
}

// runSteps prints one JSON object per step. What cannot be tried without a
// connection is reported as failed too, so that every step has its line.
func (d *dialer) runSteps(steps []step) error {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	connected, allOk := true, true
	for _, s := range steps {
		var info detail
		err := errors.New("skipped: not connected")
		start := time.Now()
		if connected {
			ctx, cancel := context.WithTimeout(context.Background(), stepDeadline)
			info, err = s.run(d, ctx)
			cancel()
		}
		if err != nil {
			allOk = false
			connected = connected && s.name != "connect"
		}
		line := struct {
			Step   string  `json:"step"`
			Ok     bool    `json:"ok"`
			Ms     float64 `json:"ms"`
			Error  *string `json:"error"`
			Detail detail  `json:"detail"`
		}{Step: s.name, Ok: err == nil, Ms: float64(time.Since(start).Microseconds()) / 1000}
		if err != nil {
			text := err.Error()
			line.Error = &text
		} else {
			line.Detail = info
		}
		out.Encode(line)
	}
	if !allOk {
		return errors.New("not all steps succeeded")
	}
	return nil
}

// target is the address that stands first among the arguments.
func target(command string, args []string) peer.AddrInfo {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fail("usage: run %s ADDRESS [options]", command)
	}
	remote, err := peer.AddrInfoFromString(args[0])
	if err != nil {
		fail("address %q: %v", args[0], err)
	}
	return *remote
}

func runDial(args []string) error {
	d := dialer{remote: target("dial", args)}
	set := flag.NewFlagSet("dial", flag.ExitOnError)
	addCommonFlags(set, &d.options)
	set.IntVar(&d.uploadBytes, "upload-bytes", 8388608, "bytes to upload and to download")
	set.IntVar(&d.streams, "streams", 1000, "echo streams in total")
	set.IntVar(&d.parallel, "parallel", 256, "echo streams open at once")
	set.StringVar(&d.steps, "steps", "", "comma separated steps (default: all)")
	set.Parse(args[1:])
	if set.NArg() != 0 {
		fail("dial takes no second argument %q", set.Arg(0))
	}
	steps := chooseSteps(d.steps)
	var err error
	if d.host, err = newHost(&d.options); err != nil {
		return err
	}
	defer d.host.Close()
	d.identified, err = d.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerIdentificationFailed)})
	if err != nil {
		return err
	}
	defer d.identified.Close()
	return d.runSteps(steps)
}
