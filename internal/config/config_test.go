package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "zhunxin.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheSampleIsTheDefault(t *testing.T) {
	c, err := Load(write(t, Sample()), nil)
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("%+v, %v", c, err)
	}
	if strings.Contains(Sample(), "# \n") {
		t.Error("a key of the sample has no explanation")
	}
}

func TestFileThenEnvironment(t *testing.T) {
	c, err := Load(write(t, "node: 7\nhttp: {listen: '127.0.0.1:1'}\n"), []string{"ZHUNXIN_HTTP__LISTEN=127.0.0.1:2", "ZHUNXIN_GATE__BATCH_WAIT=5ms", "OTHER=1"})
	if err != nil || c.Node != 7 || c.HTTP.Listen != "127.0.0.1:2" || c.Gate.BatchWait != 5*time.Millisecond {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, c := range []struct{ text, env, want string }{
		{"htpp: {listen: x}", "", "htpp.listen"},
		{"http: {lisen: x}", "", "http.lisen"},
		{"", "ZHUNXIN_NODES=1", "nodes"},
		{"node: 2000", "", "node: 2000"},
		{"database: {kind: mysql}", "", "mysql"},
		{"database: {kind: postgres}", "", "dsn_file"},
		{"http: {listen: nowhere}", "", "host:port"},
		{"smpp: {listen_tls: nowhere}", "", "smpp.listen_tls"},
		{"smpp: {listen_tls: '127.0.0.1:1'}", "", "tls.cert_file: it is empty, and smpp.listen_tls"},
		{"smpp: {listen_tls: '127.0.0.1:1'}\ntls: {cert_file: a}", "", "tls.key_file"},
		{"proxy: {from: ['10.0.0.0/33']}", "", "10.0.0.0/33"},
		{"proxy: {from: ['::/0']}", "", "everybody"},
		{"", "ZHUNXIN_PROXY__FROM=10.0.0.1,balancer", `"balancer"`},
		{"evidence: {every: soon}", "", "evidence.every"},
		{"node: [", "", "zhunxin.yaml"},
	} {
		var environ []string
		if c.env != "" {
			environ = []string{c.env}
		}
		if _, err := Load(write(t, c.text), environ); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%s: %v", c.text, c.env, err)
		}
	}
}

func TestBalancers(t *testing.T) {
	c, err := Load("", []string{"ZHUNXIN_PROXY__FROM=10.0.0.1, 10.1.0.0/16,::ffff:10.2.0.1"})
	if got := fmt.Sprint(c.Balancers()); err != nil || got != "[10.0.0.1/32 10.1.0.0/16 10.2.0.1/32]" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestConnectionStringIsKeptFromOthers(t *testing.T) {
	p := write(t, "postgres:///x\n")
	c := Config{Database: Database{DSNFile: p}}
	if dsn, err := c.DSN(); err != nil || dsn != "postgres:///x" {
		t.Errorf("%q, %v", dsn, err)
	}
	if err := os.Chmod(p, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DSN(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
}
