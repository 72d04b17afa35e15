// Prints the key and the checkpoint of src/archive/tlog/tests.rs as Go's sumdb/note writes them.
//
//	GO111MODULE=off go run ./tests/interop/golden
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log"

	"golang.org/x/mod/sumdb/note"
)

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
	signed, err := note.Sign(&note.Note{Text: "throng.example/log\n70000\n" + root + "\n"}, signer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n%s", skey, vkey, signed)
}
