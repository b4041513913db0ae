//go:build !linux

package main

import "errors"

func look(string) (machine, error) {
	return machine{}, errors.New("the CPU time and memory of the processes are read from /proc: run the bench on Linux")
}
