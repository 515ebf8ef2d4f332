package session

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
)

// errLoginRefused ends a connection whose login was answered with a status.
var errLoginRefused = errors.New("login refused")

// takeFrame reads the next whole frame, for the caller to keep.
func takeFrame(br *bufio.Reader, shortest, longest int) ([]byte, error) {
	frame, err := readFrame(br, shortest, longest)
	if err != nil {
		return nil, err
	}
	frame = bytes.Clone(frame)
	_, err = br.Discard(len(frame))
	return frame, err
}

// ask sends a client's login and returns the frame that answers it.
func ask(conn net.Conn, br *bufio.Reader, login []byte, shortest, longest int) ([]byte, error) {
	if _, err := conn.Write(login); err != nil {
		return nil, err
	}
	return takeFrame(br, shortest, longest)
}

// tell sends a server's answer to a login. A status that is not 0, which is no error in
// any of the protocols, ends the connection with errLoginRefused.
func tell(conn net.Conn, answer []byte, status uint32, reason string) error {
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("%w with status %d: %s", errLoginRefused, status, reason)
	}
	return nil
}
