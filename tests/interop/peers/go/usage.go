// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// cpuSeconds is the CPU time of this process, the user's and the system's.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

// residentBytes is the memory that the system sees, after what is free was
// given back to it.
func residentBytes() uint64 {
	debug.FreeOSMemory()
	var size, resident uint64
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &size, &resident)
	return resident * uint64(os.Getpagesize())
}

// heapBytes is what a garbage collection leaves, with the stacks of goroutines.
func heapBytes() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

func reportUsage() {
	// Measured first: collecting garbage takes CPU time.
	cpu := cpuSeconds()
	fmt.Fprintf(os.Stderr, "cpu %.6f\nrss %d\nheap %d\n", cpu, residentBytes(), heapBytes())
}
