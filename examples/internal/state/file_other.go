//go:build !unix

package state

import "os"

func lock(*os.File) error { return nil }

func syncDirectory(string) error { return nil }
