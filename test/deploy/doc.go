// Package deploy checks what deploy/ holds for Kubernetes and containers: the chart against Helm,
// Kubernetes' own types and the binaries; the Containerfile and the compose file against their own
// parsers and the binaries. A real kube-apiserver validates every object.
package deploy
