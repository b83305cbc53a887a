// Package schema says what the lines of a program's output are made of, prints
// that as JSON Schema (2020-12), checks lines against it, and cuts lines down
// to chosen fields.
//
// # Versions
//
// A schema has a name and a version, such as dnswalk.names/1. The version
// changes when a field is taken away or comes to mean something else, not when
// one is added: readers should let pass fields that they do not know.
//
// # Concurrency
//
// A Schema is not changed after it was made. A Selection may be used by any
// number of goroutines.
package schema
