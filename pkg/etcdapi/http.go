package etcdapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// HTTP answers what tools ask etcd's client port by plain HTTP: /version, by which
// kubeadm decides whether an external etcd is new enough, and /health. Fields and
// reasons are etcd's (server/etcdserver/api/etcdhttp).
func (s *Server) HTTP() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, versions{Server: reportedVersion, Cluster: reportedCluster, Storage: reportedCluster})
	})
	mux.HandleFunc("GET /health", s.health)
	return mux
}

// reportedCluster is the version of the cluster as a whole: etcd leaves the patch out.
const reportedCluster = "3.6.0"

type versions struct {
	Server  string `json:"etcdserver"`
	Cluster string `json:"etcdcluster"`
	Storage string `json:"storage"`
}

// health is 200 if a read is answered: one that is proven current, or with
// ?serializable=true one of this node alone.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	serializable := false
	if v := r.URL.Query().Get("serializable"); v != "" {
		var err error
		if serializable, err = strconv.ParseBool(v); err != nil {
			http.Error(w, fmt.Sprintf("serializable=%s: want true or false", v), http.StatusBadRequest)
			return
		}
	}
	var body struct {
		Health string `json:"health"` // a string in etcd, too
		Reason string `json:"reason"`
	}
	if body.Reason = s.unhealthy(r, serializable); body.Reason != "" {
		body.Health = "false"
		answer(w, http.StatusServiceUnavailable, body)
		return
	}
	body.Health = "true"
	answer(w, http.StatusOK, body)
}

// unhealthy says what is wrong; nothing is if it is empty.
func (s *Server) unhealthy(r *http.Request, serializable bool) string {
	st := s.o.Backend.Status()
	switch {
	case st.Corrupt:
		return "ALARM CORRUPT"
	case st.LeaderID == 0 && !serializable:
		return "RAFT NO LEADER"
	}
	if _, err := s.KV().Range(r.Context(), &pb.RangeRequest{Key: []byte("health"), KeysOnly: true, Limit: 1, Serializable: serializable}); err != nil {
		return fmt.Sprintf("RANGE ERROR:%v", err)
	}
	return ""
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the asker may have gone; there is nobody to tell
}
