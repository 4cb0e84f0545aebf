package stublib

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// page is the largest that a kernel for one of the machines may have.
const page = 64 << 10

// file is a library that is being put together: what the loader reads, and,
// from the second page on, what it may write to.
type file struct {
	l        Library
	versions []string
	// hash, syms, strings, versym and verdef are tables for the loader.
	hash, syms, strings, versym, verdef bytes.Buffer
	text, data                          []byte
	// offsets are those of the tables, in this order, textAt that of the text.
	offsets [5]uint64
	textAt  uint64
}

// Sizes, in bytes, and numbers of what ELF prescribes.
const (
	headerSize  = 64
	segmentSize = 56
	segments    = 4
	entries     = 10 // of the dynamic section
	dynamicSize = 16 * entries
	symbolSize  = 24
	versionSize = 28 // with its one name
	dataAt      = page + dynamicSize
)

// Bytes returns the library as a file. It has no sections, which only linkers
// and debuggers look for.
func (l Library) Bytes() ([]byte, error) {
	text, err := code(l.Machine)
	if err != nil {
		return nil, err
	}
	f := &file{l: l, text: text, versions: l.versions()}
	f.strings.WriteByte(0)
	f.place()
	f.addSymbols()
	f.addVersions()
	f.addHash()
	return f.assemble(), nil
}

// place decides where everything is, by the sizes that follow from the names.
func (f *file) place() {
	n := uint64(len(f.l.Symbols) + 1)
	names := uint64(1 + len(f.l.Name) + 1)
	for _, s := range f.l.Symbols {
		names += uint64(len(s.Name) + 1)
	}
	for _, v := range f.versions {
		names += uint64(len(v) + 1)
	}
	at := uint64(headerSize + segments*segmentSize)
	for i, size := range []uint64{4 * (3 + n), symbolSize * n, names, 2 * n, versionSize * uint64(1+len(f.versions))} {
		f.offsets[i] = at
		at = (at + size + 15) &^ 15
	}
	f.textAt = at
}

// name keeps a string and returns where it is.
func (f *file) name(s string) uint32 {
	at := uint32(f.strings.Len())
	f.strings.WriteString(s)
	f.strings.WriteByte(0)
	return at
}

func put(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) } // a buffer takes all

func (f *file) addSymbols() {
	put(&f.syms, elf.Sym64{})
	put(&f.versym, uint16(0))
	for _, s := range f.l.Symbols {
		sym := elf.Sym64{Name: f.name(s.Name), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1, Value: f.textAt, Size: uint64(len(f.text))}
		if s.Size > 0 {
			sym.Info, sym.Value, sym.Size = elf.ST_INFO(elf.STB_GLOBAL, elf.STT_OBJECT), dataAt+uint64(len(f.data)), s.Size
			f.data = append(f.data, make([]byte, (s.Size+7)&^7)...)
		}
		put(&f.syms, sym)
		put(&f.versym, uint16(2+slices.Index(f.versions, s.Version))) // 1 = none
	}
}

// A definition of a version, and the one name that belongs to it.
type version struct {
	Version, Flags, Index, Names uint16
	Hash, Aux, Next              uint32
	Name, NextName               uint32
}

func (f *file) addVersions() {
	const ofName, base = 20, 1
	all := append([]string{f.l.Name}, f.versions...)
	for i, name := range all {
		v := version{Version: 1, Index: uint16(1 + i), Names: 1, Hash: hash(name), Aux: ofName, Next: versionSize, Name: f.name(name)}
		if i == 0 {
			v.Flags = base
		}
		if i == len(all)-1 {
			v.Next = 0
		}
		put(&f.verdef, v)
	}
}

// addHash adds a table with one list of all the symbols.
func (f *file) addHash() {
	n := uint32(len(f.l.Symbols))
	put(&f.hash, []uint32{1, n + 1, n, 0}) // one list, which begins with the last symbol
	for i := range n {
		put(&f.hash, i) // and goes on with the one before
	}
}

// hash is ELF's, of the name of a version.
func hash(s string) uint32 {
	var h uint32
	for _, c := range []byte(s) {
		h = h<<4 + uint32(c)
		top := h & 0xf0000000
		h = (h ^ top>>24) &^ top
	}
	return h
}

func (f *file) assemble() []byte {
	out := make([]byte, page, dataAt+len(f.data))
	var head bytes.Buffer
	put(&head, f.header())
	put(&head, f.programs())
	copy(out, head.Bytes())
	for i, part := range []*bytes.Buffer{&f.hash, &f.syms, &f.strings, &f.versym, &f.verdef} {
		copy(out[f.offsets[i]:], part.Bytes())
	}
	copy(out[f.textAt:], f.text)
	var dynamic bytes.Buffer
	put(&dynamic, f.entries())
	return append(append(out, dynamic.Bytes()...), f.data...)
}

func (f *file) header() elf.Header64 {
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(f.l.Machine), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Ehsize: headerSize, Phentsize: segmentSize, Phnum: segments, Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	return h
}

// programs say what is mapped. Without the last one the loader would want a
// stack that may be executed.
func (f *file) programs() []elf.Prog64 {
	read, written := f.textAt+uint64(len(f.text)), dynamicSize+uint64(len(f.data))
	return []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: read, Memsz: read, Align: page},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: page, Vaddr: page, Paddr: page, Filesz: written, Memsz: written, Align: page},
		{Type: uint32(elf.PT_DYNAMIC), Flags: uint32(elf.PF_R | elf.PF_W), Off: page, Vaddr: page, Paddr: page, Filesz: dynamicSize, Memsz: dynamicSize, Align: 8},
		{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	}
}

func (f *file) entries() [entries]elf.Dyn64 {
	// The library's name is the first that addVersions has kept.
	name := bytes.Index(f.strings.Bytes(), append([]byte{0}, f.l.Name+"\x00"...)) + 1
	return [entries]elf.Dyn64{
		{Tag: int64(elf.DT_SONAME), Val: uint64(name)},
		{Tag: int64(elf.DT_HASH), Val: f.offsets[0]},
		{Tag: int64(elf.DT_SYMTAB), Val: f.offsets[1]},
		{Tag: int64(elf.DT_STRTAB), Val: f.offsets[2]},
		{Tag: int64(elf.DT_STRSZ), Val: uint64(f.strings.Len())},
		{Tag: int64(elf.DT_SYMENT), Val: symbolSize},
		{Tag: int64(elf.DT_VERSYM), Val: f.offsets[3]},
		{Tag: int64(elf.DT_VERDEF), Val: f.offsets[4]},
		{Tag: int64(elf.DT_VERDEFNUM), Val: uint64(1 + len(f.versions))},
		{Tag: int64(elf.DT_NULL)},
	}
}
