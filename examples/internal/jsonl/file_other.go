//go:build !unix

package jsonl

import "os"

func lock(*os.File) error { return nil }

func appending(*os.File) bool { return false }
