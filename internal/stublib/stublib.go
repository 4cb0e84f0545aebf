// Package stublib makes shared libraries that stand in for others which a
// program is linked with and does not use: all symbols are there, no function
// does anything but return -1, and nothing else is loaded. What the loader maps,
// relocates and every fork copies is then a page or two instead of megabytes.
package stublib

import (
	"debug/elf"
	"fmt"
	"slices"
)

// Symbol is what a program wants of a library.
type Symbol struct {
	Name, Version string
	// Size is that of a variable, in bytes; 0 = a function.
	Size uint64
}

// Library is a library to be made.
type Library struct {
	Name    string // as programs ask for it ("libgnutls.so.30")
	Machine elf.Machine
	Symbols []Symbol
}

// code returns -1 from a function, as a number or a pointer: an error to those
// who look, and no null to those who do not.
func code(m elf.Machine) ([]byte, error) {
	switch m {
	case elf.EM_X86_64:
		return []byte{0x48, 0x83, 0xc8, 0xff, 0xc3}, nil // or $-1, %rax; ret
	case elf.EM_AARCH64:
		return []byte{0x00, 0x00, 0x80, 0x92, 0xc0, 0x03, 0x5f, 0xd6}, nil // mov x0, #-1; ret
	}
	return nil, fmt.Errorf("no stand-ins for %s: want x86-64 or arm64", m)
}

// Needs returns the names of the libraries that the program is linked with.
func Needs(program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("libraries of a program: %w", err)
	}
	defer f.Close()
	return f.ImportedLibraries()
}

// For returns the library that gives the program what it wants of the one with
// this name.
func For(program, name string) (Library, error) {
	f, err := elf.Open(program)
	if err != nil {
		return Library{}, fmt.Errorf("stand-in for %s: %w", name, err)
	}
	defer f.Close()
	wanted, err := f.DynamicSymbols()
	if err != nil {
		return Library{}, fmt.Errorf("stand-in for %s: %s: %w", name, program, err)
	}
	l := Library{Name: name, Machine: f.Machine}
	for _, s := range wanted {
		if s.Library == name {
			l.Symbols = append(l.Symbols, symbol(s))
		}
	}
	if len(l.Symbols) == 0 {
		return l, fmt.Errorf("stand-in for %s: %s wants nothing of it by a version", name, program)
	}
	return l, nil
}

func symbol(s elf.Symbol) Symbol {
	out := Symbol{Name: s.Name, Version: s.Version}
	if elf.ST_TYPE(s.Info) == elf.STT_OBJECT {
		out.Size = max(s.Size, 8)
	}
	return out
}

// versions are those of the symbols, each once.
func (l Library) versions() []string {
	var all []string
	for _, s := range l.Symbols {
		if s.Version != "" && !slices.Contains(all, s.Version) {
			all = append(all, s.Version)
		}
	}
	return all
}
