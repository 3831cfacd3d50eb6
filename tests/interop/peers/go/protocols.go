// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	pingProtocol      = "/ipfs/ping/1.0.0"
	echoProtocol      = "/lp2p/echo/1.0.0"
	uploadProtocol    = "/lp2p/upload/1.0.0"
	downloadProtocol  = "/lp2p/download/1.0.0"
	resetProtocol     = "/lp2p/reset/1.0.0"
	halfCloseProtocol = "/lp2p/half-close/1.0.0"
)

// patternReader yields the test pattern: byte i depends on i alone.
type patternReader struct{ next, end uint64 }

func newPattern(size uint64) io.Reader { return &patternReader{0, size} }

func (p *patternReader) Read(buf []byte) (int, error) {
	if p.next == p.end {
		return 0, io.EOF
	}
	n := min(uint64(len(buf)), p.end-p.next)
	for k := range buf[:n] {
		i := p.next + uint64(k)
		buf[k] = byte(i*167 + (i>>8)*13 + (i >> 16))
	}
	p.next += n
	return int(n), nil
}

// serve registers the test protocols; go-libp2p brings identify and ping. A
// handler that fails resets its stream, one that succeeds closes it.
func serve(h host.Host) {
	handlers := map[string]func(network.Stream) error{
		echoProtocol:      serveEcho,
		uploadProtocol:    serveUpload,
		downloadProtocol:  serveDownload,
		resetProtocol:     serveReset,
		halfCloseProtocol: serveHalfClose,
		perfProtocol:      servePerf,
	}
	for id, handler := range handlers {
		h.SetStreamHandler(protocol.ID(id), func(s network.Stream) {
			if err := handler(s); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", id, err)
				s.Reset()
				return
			}
			s.Close()
		})
	}
}

func serveEcho(s network.Stream) error {
	_, err := io.Copy(s, s)
	return err
}

func serveUpload(s network.Stream) error {
	hash := sha256.New()
	if _, err := io.Copy(hash, s); err != nil {
		return err
	}
	_, err := s.Write(hash.Sum(nil))
	return err
}

func serveDownload(s network.Stream) error {
	var count uint64
	if err := binary.Read(s, binary.BigEndian, &count); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(s, hash), newPattern(count), make([]byte, 65536)); err != nil {
		return err
	}
	_, err := s.Write(hash.Sum(nil))
	return err
}

func serveReset(s network.Stream) error {
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		return err
	}
	return s.Reset()
}

func serveHalfClose(s network.Stream) error {
	if err := s.CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, s)
	if err == nil {
		fmt.Fprintf(os.Stderr, "half-close %d\n", n)
	}
	return err
}
