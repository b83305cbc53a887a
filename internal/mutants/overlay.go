package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// mutated returns the files that the mutant changes, as they are with it, by
// their paths from the root.
func (m *mutant) mutated(root string) (map[string]string, error) {
	files := map[string]string{}
	for k := range m.edits {
		e := &m.edits[k]
		text, known := files[e.file]
		if !known {
			read, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, fmt.Errorf("mutants: %s: %w", m.row, err)
			}
			text = string(read)
		}
		text, err := e.apply(text)
		if err != nil {
			return nil, fmt.Errorf("mutants: %s: %w", m.row, err)
		}
		files[e.file] = text
	}
	return files, nil
}

// overlay writes the mutant's files and their list into a directory, and
// returns the list's path, for go test -overlay.
func (m *mutant) overlay(root, dir string) (string, error) {
	files, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	var list struct{ Replace map[string]string }
	list.Replace = map[string]string{}
	for path, text := range files {
		to := filepath.Join(dir, strconv.Itoa(len(list.Replace))+".go")
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			return "", fmt.Errorf("mutants: %s: %w", m.row, err)
		}
		list.Replace[filepath.Join(root, path)] = to
	}
	encoded, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("mutants: %s: %w", m.row, err)
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, encoded, 0o644)
}
