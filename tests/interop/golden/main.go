// Prints the key and the checkpoint of src/archive/tlog/tests.rs as Go's sumdb/note writes them, and the
// witness's key and cosignature of its tests/attested.rs by c2sp.org/tlog-cosignature.
//
//	GO111MODULE=off go run ./tests/interop/golden
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"

	"golang.org/x/mod/sumdb/note"
)

// The line and the key of a witness with this seed.
func cosign(name string, seed byte, time uint64, text string) (string, string) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	public := append([]byte{4}, key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	whole := binary.BigEndian.AppendUint64(id[:4:4], time)
	whole = append(whole, ed25519.Sign(key, []byte(message))...)
	vkey := fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(public))
	return vkey, fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(whole))
}

func main() {
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	skey, vkey, err := note.GenerateKey(bytes.NewReader(seed), "throng.example/log")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		log.Fatal(err)
	}
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x5a}, 32))
	text := "throng.example/log\n70000\n" + root + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n%s", skey, vkey, signed)
	witness, line := cosign("witness.example/w1", 9, 1679315147, text)
	fmt.Printf("\n%s\n%s", witness, line)
}
