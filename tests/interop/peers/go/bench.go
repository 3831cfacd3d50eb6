// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

const perfProtocol = "/perf/1.0.0"

// zeros is what is sent where only the amount counts.
type zeros struct{}

func (zeros) Read(buf []byte) (int, error) {
	clear(buf)
	return len(buf), nil
}

func sendZeros(w io.Writer, size int64) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(zeros{}, size), make([]byte, 65536))
	return err
}

func drain(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 65536))
}

func servePerf(s network.Stream) error {
	var count uint64
	if err := binary.Read(s, binary.BigEndian, &count); err != nil {
		return err
	}
	if _, err := drain(s); err != nil {
		return err
	}
	return sendZeros(s, int64(count))
}

// transfer is one direction of the perf protocol, up to the other side's end.
func transfer(h host.Host, remote peer.ID, sent, asked int64) (detail, error) {
	start, cpu := time.Now(), cpuSeconds()
	s, err := h.NewStream(context.Background(), remote, perfProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if err := binary.Write(s, binary.BigEndian, uint64(asked)); err != nil {
		return nil, err
	}
	if err := sendZeros(s, sent); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	if got, err := drain(s); err != nil || got != asked {
		return nil, fmt.Errorf("got %d bytes, asked for %d, %v", got, asked, err)
	}
	return detail{
		"bytes":      sent + asked,
		"seconds":    time.Since(start).Seconds(),
		"cpuSeconds": cpuSeconds() - cpu,
	}, nil
}

// bench is what the commands for benches have in common.
type bench struct {
	options
	remote           peer.AddrInfo
	upload, download int64
	count, parallel  int
}

// connected makes a host, of a fresh identity unless there is a seed, and one
// connection.
func (b *bench) connected() (host.Host, error) {
	h, err := newHost(&b.options)
	if err != nil {
		return nil, err
	}
	return h, h.Connect(context.Background(), b.remote)
}

func (b *bench) perf() (detail, error) {
	h, err := b.connected()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	up, err := transfer(h, b.remote.ID, b.upload, 0)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	down, err := transfer(h, b.remote.ID, 0, b.download)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	return detail{"upload": up, "download": down, "rss": residentBytes()}, nil
}

// roundTrip has a few bytes echoed.
func roundTrip(h host.Host, remote peer.ID) error {
	s, err := h.NewStream(context.Background(), remote, echoProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	sent := make([]byte, 32)
	rand.Read(sent)
	if _, err := s.Write(sent); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(s)
	if err == nil && !bytes.Equal(sent, got) {
		err = errors.New("the echo differs")
	}
	return err
}

func (b *bench) connectAgain(h host.Host, count int) error {
	for range count {
		if err := h.Connect(context.Background(), b.remote); err != nil {
			return err
		}
		if err := roundTrip(h, b.remote.ID); err != nil {
			return err
		}
		if err := h.Network().ClosePeer(b.remote.ID); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) connectLoop() (detail, error) {
	hosts := make([]host.Host, b.parallel)
	for i := range hosts {
		h, err := newHost(&b.options)
		if err != nil {
			return nil, err
		}
		defer h.Close()
		hosts[i] = h
	}
	start, cpu := time.Now(), cpuSeconds()
	group := errgroup.Group{}
	for i, h := range hosts {
		share := b.count / b.parallel
		if i < b.count%b.parallel {
			share++
		}
		group.Go(func() error { return b.connectAgain(h, share) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	return detail{
		"connections": b.count,
		"seconds":     seconds,
		"perSecond":   float64(b.count) / seconds,
		"cpuSeconds":  cpuSeconds() - cpu,
	}, nil
}

func (b *bench) idle() (detail, error) {
	rss, heap := int64(residentBytes()), int64(heapBytes())
	for range b.count {
		if _, err := b.connected(); err != nil {
			return nil, err
		}
	}
	return detail{
		"connections": b.count,
		"rssGrowth":   int64(residentBytes()) - rss,
		"heapGrowth":  int64(heapBytes()) - heap,
	}, nil
}

var benches = map[string]func(*bench) (detail, error){
	"perf":         (*bench).perf,
	"connect-loop": (*bench).connectLoop,
	"idle":         (*bench).idle,
}

func runBench(command string, args []string) error {
	b := bench{remote: target(command, args)}
	set := flag.NewFlagSet(command, flag.ExitOnError)
	addCommonFlags(set, &b.options)
	set.Int64Var(&b.upload, "upload", 0, "bytes to upload")
	set.Int64Var(&b.download, "download", 0, "bytes to download")
	set.IntVar(&b.count, "count", 100, "connections in total")
	set.IntVar(&b.parallel, "parallel", 1, "connections at once")
	set.Parse(args[1:])
	result, err := benches[command](&b)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return err
	}
	if command == "idle" {
		io.Copy(io.Discard, os.Stdin)
	}
	return nil
}
