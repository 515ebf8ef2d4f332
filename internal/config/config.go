// Package config is the one place where settings are read: defaults, then a YAML
// file, then the environment. An unknown key is an error that names it. Secrets
// are never settings; they stand in files that settings name.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// Config is every setting of a node.
type Config struct {
	Data     string        `koanf:"data" doc:"folder of the database, the keys and the published checkpoints; readable by its owner alone"`
	Node     int           `koanf:"node" doc:"number of this node, 0 to 1023; two live nodes on one database must differ"`
	Suite    string        `koanf:"suite" doc:"algorithms of the key file, chosen at the first start: international (AES, SHA-256), or gm (国密: SM4, SM3, and an SM2 signature beside the other)"`
	Database Database      `koanf:"database"`
	HTTP     HTTP          `koanf:"http"`
	CMPP     CMPP          `koanf:"cmpp"`
	SGIP     SGIP          `koanf:"sgip"`
	SMGP     Listener      `koanf:"smgp"`
	SMPP     Listener      `koanf:"smpp"`
	TLS      TLS           `koanf:"tls"`
	Proxy    Proxy         `koanf:"proxy"`
	Gate     Gate          `koanf:"gate"`
	Channel  Channel       `koanf:"channel"`
	Evidence Evidence      `koanf:"evidence"`
	Webhook  Webhook       `koanf:"webhook"`
	Pages    Pages         `koanf:"pages"`
	Keep     time.Duration `koanf:"keep" doc:"how long what was sent stays provable with its number and text; erasure is refused before"`
	NotAfter NotAfter      `koanf:"not_after"`
	Log      Log           `koanf:"log"`
}

// Database says where rows are kept.
type Database struct {
	Kind        string `koanf:"kind" doc:"sqlite (a file in the data folder) or postgres"`
	DSNFile     string `koanf:"dsn_file" doc:"postgres: file that holds the connection string, mode 0600"`
	Connections int    `koanf:"connections" doc:"postgres: most connections of this node"`
}

// HTTP is the API's listener.
type HTTP struct {
	Listen      string        `koanf:"listen" doc:"host:port of the HTTP API, /docs, /metrics and /evidence/; put TLS in front of it, or use listen_tls"`
	ListenTLS   string        `koanf:"listen_tls" doc:"host:port of the same under TLS (HTTPS), empty is none; see tls"`
	MaxBody     int           `koanf:"max_body" doc:"most bytes of a request body"`
	ReadTimeout time.Duration `koanf:"read_timeout" doc:"longest time for a whole request to arrive"`
	ScanTimeout time.Duration `koanf:"scan_timeout" doc:"the same for the scan of a paper"`
	Rate        int           `koanf:"rate" doc:"requests a second of one API key; bursts of as many are let through"`
	Metrics     string        `koanf:"metrics" doc:"host:port of /metrics, empty serves it on the API's listener"`
}

// CMPP is the customers' listener, and what holds for those of the other protocols too.
type CMPP struct {
	Listen         string        `koanf:"listen" doc:"host:port where customers' CMPP clients connect, empty is none"`
	ListenTLS      string        `koanf:"listen_tls" doc:"host:port for the same under TLS, empty is none; see tls"`
	MaxConnections int           `koanf:"max_connections" doc:"at once at the listeners of one protocol, logged in or not"`
	MaxPerAddress  int           `koanf:"max_per_address" doc:"connections at once from one address"`
	Heartbeat      time.Duration `koanf:"heartbeat" doc:"silence after which a client of CMPP or SMGP is tested"`
	RepeatWindow   time.Duration `koanf:"repeat_window" doc:"how long a repeated Sequence_Id with the same bytes gets the first response again"`
	PartsWithin    time.Duration `koanf:"parts_within" doc:"how long the parts of a long message may be apart"`
}

// SGIP has listeners for both sides: China Unicom's gateways connect to us, too.
type SGIP struct {
	Listen      string `koanf:"listen" doc:"host:port where customers' SGIP clients connect, empty is none"`
	ListenTLS   string `koanf:"listen_tls" doc:"host:port for the same under TLS, empty is none; see tls"`
	Carriers    string `koanf:"carriers" doc:"host:port where SGIP gateways connect to bring reports and replies, empty is none; channels of SGIP need it"`
	CarriersTLS string `koanf:"carriers_tls" doc:"host:port for the same under TLS, empty is none; see tls"`
}

// Listener is another protocol's.
type Listener struct {
	Listen    string `koanf:"listen" doc:"host:port where customers' clients connect, empty is none"`
	ListenTLS string `koanf:"listen_tls" doc:"host:port for the same under TLS, empty is none; see tls"`
}

// TLS is the certificate of every listener under TLS.
type TLS struct {
	CertFile string `koanf:"cert_file" doc:"PEM file of the certificate and its chain; read again within a minute after it changes"`
	KeyFile  string `koanf:"key_file" doc:"PEM file of its private key, mode 0600"`
}

// Proxy is about load balancers that tell a client's address by the PROXY protocol.
type Proxy struct {
	From []string `koanf:"from" doc:"addresses or CIDR ranges of load balancers that begin every connection with a PROXY header (version 1 or 2); from these it is required and believed, from others it is refused; empty is none"`
	HTTP bool     `koanf:"http" doc:"whether they do so to http.listen and http.listen_tls too; false if what stands in front of these sends none"`
}

// Gate is how decisions are batched.
type Gate struct {
	BatchRecipients int           `koanf:"batch_recipients" doc:"recipients that one transaction decides"`
	BatchWait       time.Duration `koanf:"batch_wait" doc:"how long a first call waits for company"`
	Queue           int           `koanf:"queue" doc:"recipients that may wait for their decision, of one application at most three times what is left free; more are answered busy"`
	Workers         int           `koanf:"workers" doc:"postgres: transactions at a time"`
	IdempotencyKept time.Duration `koanf:"idempotency_kept" doc:"how long an Idempotency-Key is remembered"`
}

// Channel is what all upstream channels share.
type Channel struct {
	ResponseTimeout time.Duration `koanf:"response_timeout" doc:"time for a carrier's answer, after which a PDU is in doubt"`
	ReportTimeout   time.Duration `koanf:"report_timeout" doc:"time for a report when the contract names none"`
	Breaker         Breaker       `koanf:"breaker"`
}

// Breaker is when a channel is taken out and tried again.
type Breaker struct {
	DownAfter time.Duration `koanf:"down_after" doc:"time without a session after which a channel is taken out, 0 is never"`
	Window    time.Duration `koanf:"window" doc:"how far back a channel's answers and reports are counted"`
	Refused   int           `koanf:"refused" doc:"percent of answers that are refusals for the time being (over-speed) above which a channel is taken out, 0 is never"`
	Answers   int           `koanf:"answers" doc:"least number of answers within the window that says anything"`
	Failing   int           `koanf:"failing" doc:"percent of reports that are not of deliveries above which a channel is taken out, 0 is never"`
	Reports   int           `koanf:"reports" doc:"least number of reports within the window that says anything"`
	CoolDown  time.Duration `koanf:"cool_down" doc:"time until a channel is tried again, doubled each time that this fails"`
	CoolMost  time.Duration `koanf:"cool_most" doc:"longest such time; a channel that was used so long without trouble begins anew"`
	Probes    int           `koanf:"probes" doc:"messages that try a channel"`
	ProbeTime time.Duration `koanf:"probe_time" doc:"how long their outcome is waited for before others try"`
}

// Webhook is how events are posted to customers.
type Webhook struct {
	Private bool `koanf:"private" doc:"let webhooks reach addresses of private networks; customers choose the addresses"`
}

// Pages are those on which people give and withdraw consent.
type Pages struct {
	CodesPerNumber  int           `koanf:"codes_per_number" doc:"most codes to one number in an hour"`
	CodesPerAddress int           `koanf:"codes_per_address" doc:"most codes that one address (of IPv6: /64) asks for in an hour; see proxy.from when a balancer stands in front"`
	CodesPerGroup   int           `koanf:"codes_per_group" doc:"most codes in an hour at the cost of one content provider group"`
	Attempts        int           `koanf:"attempts" doc:"guesses at one code"`
	CodeLife        time.Duration `koanf:"code_life" doc:"until a code ends"`
	PageLife        time.Duration `koanf:"page_life" doc:"until a person's own page ends after the code was given"`
	MaxBody         int           `koanf:"max_body" doc:"most bytes of a form"`
}

// Evidence is the transparency log.
type Evidence struct {
	Every     time.Duration `koanf:"every" doc:"how often leaves get their place and the tree its signature"`
	Witnesses []string      `koanf:"witnesses" doc:"verifier keys of witnesses whose cosignatures are taken"`
}

// NotAfter is how long messages of a category may wait when the caller says nothing.
type NotAfter struct {
	OTP     time.Duration `koanf:"otp" doc:"verification codes"`
	Notice  time.Duration `koanf:"notice" doc:"notices"`
	Public  time.Duration `koanf:"public" doc:"public-interest messages"`
	MKT     time.Duration `koanf:"mkt" doc:"marketing"`
	Consent time.Duration `koanf:"consent" doc:"requests for consent"`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error"`
	Format string `koanf:"format" doc:"text or json"`
}

// Default is what holds where nothing is said.
func Default() Config {
	return Config{
		Data: "data", Node: 1, Suite: "international", Keep: 191 * 24 * time.Hour,
		Database: Database{Kind: "sqlite", Connections: 16},
		HTTP:     HTTP{Listen: "127.0.0.1:8080", MaxBody: 1 << 20, ReadTimeout: 15 * time.Second, ScanTimeout: 2 * time.Minute, Rate: 10_000},
		CMPP: CMPP{
			Listen: "127.0.0.1:7890", MaxConnections: 4096, MaxPerAddress: 64, Heartbeat: 180 * time.Second, RepeatWindow: 180 * time.Second,
			PartsWithin: 2 * time.Minute,
		},
		Proxy: Proxy{From: []string{}, HTTP: true},
		Gate:  Gate{BatchRecipients: 500, BatchWait: 2 * time.Millisecond, Queue: 20_000, Workers: 4, IdempotencyKept: 24 * time.Hour},
		Channel: Channel{
			ResponseTimeout: time.Minute, ReportTimeout: 72 * time.Hour,
			// They take out what hardly works, and nothing that works badly.
			Breaker: Breaker{
				DownAfter: 15 * time.Second, Window: 30 * time.Second, Refused: 50, Answers: 50, Failing: 90, Reports: 200,
				CoolDown: 5 * time.Second, CoolMost: 5 * time.Minute, Probes: 3, ProbeTime: time.Minute,
			},
		},
		Pages: Pages{
			CodesPerNumber: 3, CodesPerAddress: 30, CodesPerGroup: 2000, Attempts: 5, CodeLife: 5 * time.Minute, PageLife: 15 * time.Minute, MaxBody: 4 << 10,
		},
		Evidence: Evidence{Every: time.Second, Witnesses: []string{}},
		NotAfter: NotAfter{OTP: 5 * time.Minute, Notice: 24 * time.Hour, Public: 24 * time.Hour, MKT: 12 * time.Hour, Consent: 24 * time.Hour},
		Log:      Log{Level: "info", Format: "text"},
	}
}

// EnvPrefix begins the names of environment variables: http.listen is
// ZHUNXIN_HTTP__LISTEN.
const EnvPrefix = "ZHUNXIN_"

// EnvKey holds the API key by which commands talk to a running node.
const EnvKey = EnvPrefix + "KEY"

// commandVariables are what commands read besides the settings.
var commandVariables = []string{EnvKey, EnvPrefix + "CHECK_SECRET"}

// Load reads a file, or none when path is empty, and the environment.
func Load(path string, environ []string) (Config, error) {
	var c Config
	k := koanf.New(".")
	if err := k.Load(structs.Provider(Default(), "koanf"), nil); err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	known := kinds(reflect.TypeFor[Config](), "")
	if path != "" {
		read := koanf.New(".")
		if err := read.Load(file.Provider(path), yaml.Parser()); err != nil {
			return c, fmt.Errorf("settings: %s: %w", path, err)
		}
		for _, key := range read.Keys() {
			if known[key] == nil && empty(read.Get(key)) && section(known, key) {
				read.Delete(key) // all its lines are comments
				continue
			}
			if err := check(known, key, key, read.Get(key)); err != nil {
				return c, fmt.Errorf("settings: %s: %w", path, err)
			}
		}
		if err := k.Merge(read); err != nil {
			return c, fmt.Errorf("settings: %s: %w", path, err)
		}
	}
	names, read := map[string]string{}, koanf.New(".")
	err := read.Load(env.Provider(".", env.Opt{
		Prefix: EnvPrefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if slices.Contains(commandVariables, name) {
				return "", nil
			}
			key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, EnvPrefix)), "__", ".")
			names[key] = name
			return key, value
		},
	}), nil)
	if err != nil {
		return c, fmt.Errorf("settings: environment: %w", err)
	}
	for _, key := range read.Keys() {
		if err := check(known, key, names[key], read.Get(key)); err != nil {
			return c, fmt.Errorf("settings: environment: %w", err)
		}
	}
	if err := k.Merge(read); err != nil {
		return c, fmt.Errorf("settings: environment: %w", err)
	}
	err = k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
		Result:     &c, WeaklyTypedInput: true, ErrorUnused: true, TagName: "koanf",
	}})
	if err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	return c, c.Validate()
}

// Validate says what is wrong, all of it at once.
func (c Config) Validate() error {
	var bad []error
	wrong := func(key, format string, args ...any) {
		bad = append(bad, fmt.Errorf("settings: %s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Node < 0 || c.Node > 1023 {
		wrong("node", "%d is not within 0 and 1023", c.Node)
	}
	if c.Data == "" {
		wrong("data", "it is empty")
	}
	switch c.Database.Kind {
	case "sqlite":
	case "postgres":
		if c.Database.DSNFile == "" {
			wrong("database.dsn_file", "postgres needs the file that holds its connection string")
		}
		if c.Database.Connections < 4 {
			wrong("database.connections", "%d is below 4", c.Database.Connections)
		}
	default:
		wrong("database.kind", "%q is neither sqlite nor postgres", c.Database.Kind)
	}
	c.validateListeners(wrong)
	for key, n := range map[string]int{
		"gate.batch_recipients": c.Gate.BatchRecipients, "gate.queue": c.Gate.Queue, "gate.workers": c.Gate.Workers,
		"http.max_body": c.HTTP.MaxBody, "http.rate": c.HTTP.Rate, "cmpp.max_connections": c.CMPP.MaxConnections, "cmpp.max_per_address": c.CMPP.MaxPerAddress,
		"pages.codes_per_number": c.Pages.CodesPerNumber, "pages.codes_per_address": c.Pages.CodesPerAddress, "pages.codes_per_group": c.Pages.CodesPerGroup,
		"pages.attempts": c.Pages.Attempts, "pages.max_body": c.Pages.MaxBody,
	} {
		if n < 1 {
			wrong(key, "%d is below 1", n)
		}
	}
	for key, d := range map[string]time.Duration{
		"http.read_timeout": c.HTTP.ReadTimeout, "http.scan_timeout": c.HTTP.ScanTimeout, "cmpp.heartbeat": c.CMPP.Heartbeat, "gate.idempotency_kept": c.Gate.IdempotencyKept,
		"channel.response_timeout": c.Channel.ResponseTimeout, "channel.report_timeout": c.Channel.ReportTimeout, "evidence.every": c.Evidence.Every,
		"not_after.otp": c.NotAfter.OTP, "not_after.notice": c.NotAfter.Notice, "not_after.public": c.NotAfter.Public, "not_after.mkt": c.NotAfter.MKT,
		"not_after.consent": c.NotAfter.Consent, "cmpp.repeat_window": c.CMPP.RepeatWindow, "cmpp.parts_within": c.CMPP.PartsWithin,
		"pages.code_life": c.Pages.CodeLife, "pages.page_life": c.Pages.PageLife,
	} {
		if d <= 0 {
			wrong(key, "%s is not above 0", d)
		}
	}
	c.Channel.Breaker.validate(wrong)
	if c.Log.Format != "text" && c.Log.Format != "json" {
		wrong("log.format", "%q is neither text nor json", c.Log.Format)
	}
	return errors.Join(bad...)
}

func (b Breaker) validate(wrong func(key, format string, args ...any)) {
	const at = "channel.breaker."
	for key, n := range map[string]int{"answers": b.Answers, "reports": b.Reports, "probes": b.Probes} {
		if n < 1 {
			wrong(at+key, "%d is below 1", n)
		}
	}
	for key, n := range map[string]int{"refused": b.Refused, "failing": b.Failing} {
		if n < 0 || n > 100 {
			wrong(at+key, "%d is not within 0 and 100", n)
		}
	}
	for key, d := range map[string]time.Duration{"window": b.Window, "cool_down": b.CoolDown, "probe_time": b.ProbeTime} {
		if d <= 0 {
			wrong(at+key, "%s is not above 0", d)
		}
	}
	if b.DownAfter < 0 {
		wrong(at+"down_after", "%s is below 0", b.DownAfter)
	}
	if b.CoolMost < b.CoolDown {
		wrong(at+"cool_most", "%s is below cool_down", b.CoolMost)
	}
}

// ListensTLS lists the keys of the listeners that are to be under TLS, with their addresses.
func (c Config) ListensTLS() map[string]string {
	all := map[string]string{
		"http.listen_tls": c.HTTP.ListenTLS, "cmpp.listen_tls": c.CMPP.ListenTLS, "sgip.listen_tls": c.SGIP.ListenTLS,
		"sgip.carriers_tls": c.SGIP.CarriersTLS, "smgp.listen_tls": c.SMGP.ListenTLS, "smpp.listen_tls": c.SMPP.ListenTLS,
	}
	maps.DeleteFunc(all, func(_, addr string) bool { return addr == "" })
	return all
}

func (c Config) validateListeners(wrong func(key, format string, args ...any)) {
	all := map[string]string{
		"http.listen": c.HTTP.Listen, "cmpp.listen": c.CMPP.Listen, "http.metrics": c.HTTP.Metrics,
		"sgip.listen": c.SGIP.Listen, "sgip.carriers": c.SGIP.Carriers, "smgp.listen": c.SMGP.Listen, "smpp.listen": c.SMPP.Listen,
	}
	secret := c.ListensTLS()
	maps.Copy(all, secret)
	for key, addr := range all {
		if _, _, err := net.SplitHostPort(addr); err != nil && (addr != "" || key == "http.listen") {
			wrong(key, "%q is not host:port", addr)
		}
	}
	for key, file := range map[string]string{"tls.cert_file": c.TLS.CertFile, "tls.key_file": c.TLS.KeyFile} {
		if file == "" && len(secret) > 0 {
			wrong(key, "it is empty, and %s needs a certificate with its key", slices.Min(slices.Collect(maps.Keys(secret))))
		}
	}
	for _, from := range c.Proxy.From {
		switch p, err := parseRange(from); {
		case err != nil:
			wrong("proxy.from", "%q is neither an address nor a CIDR range", from)
		case p.Bits() == 0:
			wrong("proxy.from", "%q is everybody, who could then claim any address: list the load balancers alone", from)
		}
	}
}

// Balancers are the ranges of proxy.from.
func (c Config) Balancers() []netip.Prefix {
	list := make([]netip.Prefix, 0, len(c.Proxy.From))
	for _, from := range c.Proxy.From {
		if p, err := parseRange(from); err == nil { // Validate has named those that are wrong
			list = append(list, p)
		}
	}
	return list
}

func parseRange(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Unmap().Prefix(a.Unmap().BitLen())
}

// DSN reads the PostgreSQL connection string from its file.
func (c Config) DSN() (string, error) {
	info, err := os.Stat(c.Database.DSNFile)
	if err != nil {
		return "", fmt.Errorf("settings: database.dsn_file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("settings: %s has mode %04o, so others may read it: run chmod 600 on it", c.Database.DSNFile, mode)
	}
	b, err := os.ReadFile(c.Database.DSNFile)
	return strings.TrimSpace(string(b)), err
}

// Path is a file in the data folder.
func (c Config) Path(name string) string { return filepath.Join(c.Data, name) }

// Sample is the commented file with every key at its default.
func Sample() string {
	var b strings.Builder
	b.WriteString("# Settings of zhunxin. Every key can also come from the environment: http.listen is " + EnvPrefix + "HTTP__LISTEN.\n")
	sample(&b, reflect.ValueOf(Default()), "")
	return b.String()
}

func sample(b *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type.Kind() == reflect.Struct {
			fmt.Fprintf(b, "\n%s%s:\n", indent, f.Tag.Get("koanf"))
			sample(b, v.Field(i), indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s# %s\n%s%s: %s\n", indent, f.Tag.Get("doc"), indent, f.Tag.Get("koanf"), literal(v.Field(i)))
	}
}

func literal(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case []string:
		return "[]"
	case time.Duration:
		return x.String()
	default:
		return fmt.Sprint(x)
	}
}
