// An auditor of Throng's transparency log that shares no code with it: golang.org/x/mod's sumdb/note
// and sumdb/tlog do all the checking.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run tests/interop/auditor/main.go \
//	    -key 'ORIGIN+ID+KEY' -from http://127.0.0.1:9464 [-old CHECKPOINT] [-records 0,17] [-witness 'NAME+ID+KEY']
//
// It exits with 0 and one line where everything holds, with 1 and one line that says what does not.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

// Bytes of an entry in its bundle: its length, and a commitment.
const entry = 2 + 32

// A published log: an address or a directory.
type published string

func (from published) read(path string) ([]byte, error) {
	if !strings.HasPrefix(string(from), "http://") {
		return os.ReadFile(filepath.Join(string(from), path))
	}
	answer, err := http.Get(string(from) + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

func (from published) Height() int { return 8 }

// Go writes tile/8/LEVEL/NUMBER, C2SP tile/LEVEL/NUMBER.
func (from published) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		bytes, err := from.read(path)
		if err != nil && tile.W < width {
			// It has been filled meanwhile, and the part of it removed.
			bytes, err = from.read(strings.Split(path, ".p/")[0])
		}
		if err != nil {
			return nil, err
		}
		if len(bytes) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: ends early", path)
		}
		data = append(data, bytes[:tile.W*tlog.HashSize])
	}
	return data, nil
}

func (from published) SaveTiles([]tlog.Tile, [][]byte) {}

func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("checkpoint: not one of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: size: %w", err)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: root: %w", err)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// A witness's key (c2sp.org/tlog-cosignature, Ed25519), of which sumdb/note knows nothing.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	// When the cosignature that was verified last was made.
	at int64
}

func newWitness(vkey string) (*witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("witness: not NAME+ID+KEY")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, fmt.Errorf("witness: not an Ed25519 cosignature key")
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if fmt.Sprintf("%x", id[:4]) != parts[1] {
		return nil, fmt.Errorf("witness: the id is not that of name and key")
	}
	return &witness{parts[0], binary.BigEndian.Uint32(id[:4]), key[1:], 0}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	if at >= 1<<63 {
		return false
	}
	signed := bytes.Join([][]byte{[]byte("cosignature/v1\ntime "), strconv.AppendUint(nil, at, 10), []byte("\n"), msg}, nil)
	if !ed25519.Verify(w.key, signed, sig[8:]) {
		return false
	}
	w.at = int64(at)
	return true
}

// Whether the witness has cosigned a checkpoint from which this tree goes on.
func cosigned(from published, tree tlog.Tree, verifier note.Verifier, vkey string) (string, error) {
	witness, err := newWitness(vkey)
	if err != nil {
		return "", err
	}
	signed, err := from.read("cosigned")
	if err != nil {
		return "", err
	}
	before, err := openCheckpoint(signed, verifier)
	if err != nil {
		return "", err
	}
	if _, err := note.Open(signed, note.VerifierList(witness)); err != nil {
		return "", fmt.Errorf("not cosigned by %s: %w", witness.name, err)
	}
	if before.N > tree.N {
		return "", fmt.Errorf("history was cut: %d records were cosigned, %d are signed", before.N, tree.N)
	}
	hashes := tlog.TileHashReader(tree, from)
	proof, err := tlog.ProveTree(tree.N, before.N, hashes)
	if err != nil {
		return "", err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
		return "", fmt.Errorf("history was forked: the tree of %d records does not go on from the %d cosigned: %w", tree.N, before.N, err)
	}
	at := time.Unix(witness.at, 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf(", %d cosigned by %s at %s", before.N, witness.name, at), nil
}

// The leaves of all entries, from their bundles.
func (from published) leaves(size int64) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	for int64(len(leaves)) < size {
		tile := tlog.Tile{H: 8, L: 0, N: int64(len(leaves)) / width, W: width}
		if left := size - int64(len(leaves)); left < width {
			tile.W = int(left)
		}
		path := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
		bundle, err := from.read(path)
		if err != nil && tile.W < width {
			bundle, err = from.read(strings.Split(path, ".p/")[0])
			if len(bundle) > tile.W*entry {
				bundle = bundle[:tile.W*entry]
			}
		}
		if err != nil {
			return nil, err
		}
		for i := 0; i < tile.W; i++ {
			if len(bundle) < 2 {
				return nil, fmt.Errorf("%s: ends early", path)
			}
			n := int(binary.BigEndian.Uint16(bundle))
			if n != 32 || len(bundle) < 2+n {
				return nil, fmt.Errorf("%s: an entry of %d bytes", path, n)
			}
			leaves = append(leaves, tlog.RecordHash(bundle[2:2+n]))
			bundle = bundle[2+n:]
		}
		if len(bundle) != 0 {
			return nil, fmt.Errorf("%s: more than its entries", path)
		}
	}
	return leaves, nil
}

func root(leaves []tlog.Hash) (tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, reader)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, more...)
	}
	return tlog.TreeHash(int64(len(leaves)), reader)
}

func audit(from published, key, old, records, witness string) (string, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return "", err
	}
	signed, err := from.read("checkpoint")
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return "", err
	}
	hashes := tlog.TileHashReader(tree, from)
	if old != "" {
		signed, err := os.ReadFile(old)
		if err != nil {
			return "", err
		}
		before, err := openCheckpoint(signed, verifier)
		if err != nil {
			return "", err
		}
		if before.N > tree.N {
			return "", fmt.Errorf("history was cut: %d records were signed before, %d are now", before.N, tree.N)
		}
		proof, err := tlog.ProveTree(tree.N, before.N, hashes)
		if err != nil {
			return "", err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
			return "", fmt.Errorf("history was forked: the tree of %d records does not go on from the %d signed before: %w", tree.N, before.N, err)
		}
	}
	leaves, err := from.leaves(tree.N)
	if err != nil {
		return "", err
	}
	all, err := root(leaves)
	if err != nil {
		return "", err
	}
	if all != tree.Hash {
		return "", fmt.Errorf("history was changed: %d entries give root %v, signed is %v", tree.N, all, tree.Hash)
	}
	proved := 0
	for _, record := range strings.Split(records, ",") {
		if record == "" {
			continue
		}
		id, err := strconv.ParseInt(record, 10, 64)
		if err != nil || id < 0 || id >= tree.N {
			return "", fmt.Errorf("record %s is not among %d", record, tree.N)
		}
		proof, err := tlog.ProveRecord(tree.N, id, hashes)
		if err != nil {
			return "", err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, id, leaves[id]); err != nil {
			return "", fmt.Errorf("record %d: %w", id, err)
		}
		proved++
	}
	more := ""
	if witness != "" {
		if more, err = cosigned(from, tree, verifier, witness); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d records, root %v, %d proved%s", tree.N, tree.Hash, proved, more), nil
}

func main() {
	key := flag.String("key", "", "the log's verifier key, as `throng archive stats` prints it")
	from := flag.String("from", "", "http:// address of the log, or a directory with checkpoint and tile/")
	old := flag.String("old", "", "a checkpoint of this log that was kept")
	records := flag.String("records", "", "numbers of records to prove, with commas")
	witness := flag.String("witness", "", "the key of a witness that must have cosigned")
	flag.Parse()
	said, err := audit(published(strings.TrimSuffix(*from, "/")), *key, *old, *records, *witness)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("holds:", said)
}
