package carrier

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

// Bounds of the control endpoint.
const (
	maxControlBody = 64 << 10
	maxListed      = 10_000
)

// Control changes and shows a running simulator over HTTP. It has no
// authentication: bind it to a local address.
//
//	GET  /behaviour              what it does with submits
//	PUT  /behaviour              replaces it as a whole: what is not named is as in an empty file
//	PATCH /behaviour             changes what is named, codes with all their weights
//	GET  /accounts/LOGIN         an account's limits
//	PATCH /accounts/LOGIN        changes those that are named, and closes its connections
//	GET  /received?since=N       submits numbered above N, at most 10,000
//	POST /mo                     {"from","to","text"}: a message from a handset
//	POST /disconnect?login=L     closes the account's sessions
func (c *Carrier) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /behaviour", func(w http.ResponseWriter, _ *http.Request) { c.reply(w, http.StatusOK, c.Behaviour()) })
	mux.HandleFunc("PUT /behaviour", c.putBehaviour)
	mux.HandleFunc("PATCH /behaviour", c.patchBehaviour)
	mux.HandleFunc("GET /accounts/{login}", c.getLimits)
	mux.HandleFunc("PATCH /accounts/{login}", c.patchLimits)
	mux.HandleFunc("GET /received", c.getReceived)
	mux.HandleFunc("POST /mo", c.postMO)
	mux.HandleFunc("POST /disconnect", func(w http.ResponseWriter, r *http.Request) {
		if err := c.Disconnect(r.FormValue("login")); err != nil {
			c.refuse(w, http.StatusNotFound, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (c *Carrier) reply(w http.ResponseWriter, status int, v any) { reply(c.log, w, status, v) }

func reply(log *slog.Logger, w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Info("control answer not written", "error", err)
	}
}

func (c *Carrier) refuse(w http.ResponseWriter, status int, err error) {
	c.reply(w, status, map[string]string{"error": err.Error()})
}

// read decodes a request's body, which may hold known fields only.
func (c *Carrier) read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		c.refuse(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func (c *Carrier) putBehaviour(w http.ResponseWriter, r *http.Request) {
	var b Behaviour
	if !c.read(w, r, &b) {
		return
	}
	if err := c.SetBehaviour(b); err != nil {
		c.refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	c.reply(w, http.StatusOK, c.Behaviour())
}

func (c *Carrier) patchBehaviour(w http.ResponseWriter, r *http.Request) {
	var named json.RawMessage
	if !c.read(w, r, &named) {
		return
	}
	err := c.changeBehaviour(func(b *Behaviour) error {
		// JSON would add to a map that is there, and submits read it meanwhile.
		answers, reports := b.AnswerCodes, b.ReportCodes
		b.AnswerCodes, b.ReportCodes = nil, nil
		d := json.NewDecoder(bytes.NewReader(named))
		d.DisallowUnknownFields()
		err := d.Decode(b)
		if b.AnswerCodes == nil {
			b.AnswerCodes = answers
		}
		if b.ReportCodes == nil {
			b.ReportCodes = reports
		}
		return err
	})
	if err != nil {
		c.refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	c.reply(w, http.StatusOK, c.Behaviour())
}

func (c *Carrier) getReceived(w http.ResponseWriter, r *http.Request) {
	since := uint64(0)
	if s := r.FormValue("since"); s != "" {
		var err error
		if since, err = strconv.ParseUint(s, 10, 64); err != nil {
			c.refuse(w, http.StatusBadRequest, errors.New("since is not a number of a record"))
			return
		}
	}
	list := c.Received(since, maxListed)
	if list == nil {
		list = []Received{}
	}
	c.reply(w, http.StatusOK, list)
}

func (c *Carrier) postMO(w http.ResponseWriter, r *http.Request) {
	var m struct {
		From string `json:"from"`
		To   string `json:"to"`
		Text string `json:"text"`
	}
	if !c.read(w, r, &m) {
		return
	}
	if err := c.SendMO(r.Context(), m.From, m.To, m.Text); err != nil {
		c.refuse(w, http.StatusConflict, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
