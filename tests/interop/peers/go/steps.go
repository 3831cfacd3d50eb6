// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"
)

// open starts a stream whose reads and writes end with the step's deadline.
func (d *dialer) open(ctx context.Context, id string) (network.Stream, error) {
	s, err := d.host.NewStream(ctx, d.remote.ID, protocol.ID(id))
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	return s, s.SetDeadline(deadline)
}

// transportName is what the others call it; the library has one name for both.
func transportName(name string, remote multiaddr.Multiaddr) string {
	if name != "websocket" {
		return name
	}
	for _, part := range remote {
		if part.Code() == multiaddr.P_TLS || part.Code() == multiaddr.P_WSS {
			return "wss"
		}
	}
	return "ws"
}

func (d *dialer) connect(ctx context.Context) (detail, error) {
	if err := d.host.Connect(ctx, d.remote); err != nil {
		return nil, err
	}
	conn := d.host.Network().ConnsToPeer(d.remote.ID)[0]
	state := conn.ConnState()
	return detail{
		"peer":       conn.RemotePeer().String(),
		"transport":  transportName(state.Transport, conn.RemoteMultiaddr()),
		"security":   state.Security,
		"muxer":      state.StreamMultiplexer,
		"earlyMuxer": state.UsedEarlyMuxerNegotiation,
	}, nil
}

func (d *dialer) identify(ctx context.Context) (detail, error) {
	var found event.EvtPeerIdentificationCompleted
	for found.Peer != d.remote.ID {
		select {
		case e := <-d.identified.Out():
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				found = e
			case event.EvtPeerIdentificationFailed:
				return nil, e.Reason
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for _, id := range []string{pingProtocol, echoProtocol} {
		if !slices.Contains(found.Protocols, protocol.ID(id)) {
			return nil, fmt.Errorf("the peer's protocols %v lack %s", found.Protocols, id)
		}
	}
	if found.ObservedAddr == nil {
		return nil, errors.New("the peer sent no observed address")
	}
	return detail{
		"agentVersion": found.AgentVersion,
		"protocols":    found.Protocols,
		"observedAddr": found.ObservedAddr.String(),
		"signedRecord": found.SignedPeerRecord != nil,
	}, nil
}

func (d *dialer) pings(ctx context.Context, count int) error {
	s, err := d.open(ctx, pingProtocol)
	if err != nil {
		return err
	}
	defer s.Close()
	sent, got := make([]byte, 32), make([]byte, 32)
	for i := range count {
		rand.Read(sent)
		if _, err := s.Write(sent); err != nil {
			return fmt.Errorf("ping %d: write: %w", i, err)
		}
		if _, err := io.ReadFull(s, got); err != nil {
			return fmt.Errorf("ping %d: read: %w", i, err)
		}
		if !bytes.Equal(sent, got) {
			return fmt.Errorf("ping %d: the echo differs", i)
		}
	}
	return nil
}

func (d *dialer) ping(ctx context.Context) (detail, error) {
	return detail{"roundTrips": 100}, d.pings(ctx, 100)
}

// datagrams sends some of QUIC, which nobody has asked for.
func (d *dialer) datagrams(ctx context.Context) (detail, error) {
	const count = 1000
	var conn *quic.Conn
	if !d.host.Network().ConnsToPeer(d.remote.ID)[0].As(&conn) {
		return nil, errors.New("it is no connection over QUIC")
	}
	if !conn.ConnectionState().SupportsDatagrams.Remote {
		return nil, errors.New("the peer takes no datagrams")
	}
	for i := range count {
		if err := conn.SendDatagram(make([]byte, 1+i)); err != nil {
			return nil, fmt.Errorf("datagram %d: %w", i, err)
		}
	}
	return detail{"datagrams": count}, d.pings(ctx, 1)
}

func (d *dialer) upload(ctx context.Context) (detail, error) {
	s, err := d.open(ctx, uploadProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	hash := sha256.New()
	source := io.TeeReader(newPattern(uint64(d.uploadBytes)), hash)
	if _, err := io.CopyBuffer(s, source, make([]byte, 65536)); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	if err := s.CloseWrite(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	answer, err := io.ReadAll(s)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(answer, hash.Sum(nil)) {
		return nil, fmt.Errorf("the peer's hash %x differs from ours %x", answer, hash.Sum(nil))
	}
	return detail{"bytes": d.uploadBytes}, nil
}

func (d *dialer) download(ctx context.Context) (detail, error) {
	s, err := d.open(ctx, downloadProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if err := binary.Write(s, binary.BigEndian, uint64(d.uploadBytes)); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	got, err := io.ReadAll(s)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(got) != d.uploadBytes+sha256.Size {
		return nil, fmt.Errorf("got %d bytes, expected %d and a hash", len(got), d.uploadBytes)
	}
	data, answer := got[:d.uploadBytes], got[d.uploadBytes:]
	expected, _ := io.ReadAll(newPattern(uint64(d.uploadBytes)))
	if !bytes.Equal(data, expected) {
		return nil, errors.New("the data differs from the pattern")
	}
	if sum := sha256.Sum256(data); !bytes.Equal(answer, sum[:]) {
		return nil, fmt.Errorf("the peer's hash %x differs from ours %x", answer, sum)
	}
	return detail{"bytes": d.uploadBytes}, nil
}

func (d *dialer) echoOnce(ctx context.Context, data []byte) error {
	s, err := d.open(ctx, echoProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	if _, err := s.Write(data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := s.CloseWrite(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	got, err := io.ReadAll(s)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("the echo of %d bytes differs (got %d)", len(data), len(got))
	}
	return nil
}

func (d *dialer) manyStreams(ctx context.Context) (detail, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(d.parallel)
	for i := range d.streams {
		group.Go(func() error {
			data := make([]byte, 1024)
			rand.Read(data)
			if err := d.echoOnce(ctx, data); err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
			return nil
		})
	}
	return detail{"streams": d.streams, "parallel": d.parallel}, group.Wait()
}

func (d *dialer) halfClose(ctx context.Context) (detail, error) {
	s, err := d.open(ctx, halfCloseProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if got, err := io.ReadAll(s); err != nil || len(got) != 0 {
		return nil, fmt.Errorf("expected a clean end of the peer's side, got %d bytes, %v", len(got), err)
	}
	if _, err := s.Write(make([]byte, 1000)); err != nil {
		return nil, fmt.Errorf("write after the peer's end: %w", err)
	}
	if err := s.CloseWrite(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	return detail{"bytes": 1000}, d.pings(ctx, 1)
}

func (d *dialer) reset(ctx context.Context) (detail, error) {
	s, err := d.open(ctx, resetProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if _, err := s.Write([]byte{1}); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	_, err = io.ReadAll(s)
	if err == nil {
		return nil, errors.New("the stream ended cleanly instead of being reset")
	}
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("no reset came: %w", err)
	}
	return detail{"streamError": err.Error()}, d.pings(ctx, 1)
}

func (d *dialer) wrongPeer(ctx context.Context) (detail, error) {
	key, err := identity("")
	if err != nil {
		return nil, err
	}
	wrong, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	err = d.host.Connect(ctx, peer.AddrInfo{ID: wrong, Addrs: d.remote.Addrs})
	if err == nil {
		return nil, errors.New("the connection to a wrong peer id was accepted")
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("no refusal came: %w", err)
	}
	return detail{"refusal": err.Error()}, nil
}
