package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

var (
	errNotInPolicy = errors.New("no role may call this method")
	errNotVerified = errors.New("the connection has no verified client certificate")
)

// Authorizer admits gRPC calls by the caller's identity: its own cluster only, and
// the roles that the policy names for the method. Others get PERMISSION_DENIED
// with the reason. It is safe for concurrent use.
type Authorizer struct {
	clusterID string
	policy    Policy
	refused   *refusals
}

// NewAuthorizer makes an Authorizer. A nil logger is silent, nil metrics are
// unregistered.
func NewAuthorizer(clusterID string, p Policy, log hclog.Logger, m *Metrics) (*Authorizer, error) {
	if err := ValidateName(clusterID); err != nil {
		return nil, fmt.Errorf("identity: cluster id %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Authorizer{clusterID: clusterID, policy: p, refused: newRefusals(log, m)}, nil
}

// UnaryInterceptor admits unary calls.
func (a *Authorizer) UnaryInterceptor() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		ctx, err := a.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// StreamInterceptor admits streams, once, when they open.
func (a *Authorizer) StreamInterceptor() grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		ctx, err := a.admit(ss.Context(), info.FullMethod)
		if err != nil {
			return err
		}
		return next(srv, &identifiedStream{ServerStream: ss, ctx: ctx})
	}
}

type identifiedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *identifiedStream) Context() context.Context { return s.ctx }

// admit decides about one call, and leaves the caller's identity in the context.
func (a *Authorizer) admit(ctx context.Context, method string) (context.Context, error) {
	id, err := a.decide(ctx, method)
	if err != nil {
		return nil, a.deny(ctx, method, err)
	}
	return context.WithValue(ctx, contextKey{}, id), nil
}

func (a *Authorizer) decide(ctx context.Context, method string) (Identity, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Identity{}, errNotVerified
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return Identity{}, errNotVerified
	}
	return a.decideTLS(info.State, method)
}

func (a *Authorizer) decideTLS(state tls.ConnectionState, method string) (Identity, error) {
	id, err := callerOf(state)
	if err != nil {
		return Identity{}, err
	}
	roles, ok := a.policy.Allowed(method)
	if !ok {
		return Identity{}, errNotInPolicy
	}
	return id, Expect{ClusterID: a.clusterID, Roles: roles}.Check(id)
}

func (a *Authorizer) deny(ctx context.Context, method string, err error) error {
	a.refused.report("server", err, "method", method, "peer", addrOf(ctx))
	return status.Errorf(codes.PermissionDenied, "netsy: %s: %v", method, err)
}

// RequireName is for handlers whose request says in whose name it speaks: it
// refuses, as the interceptors do, a caller that isn't the one named.
func (a *Authorizer) RequireName(ctx context.Context, method string, want Expect) error {
	id, ok := FromContext(ctx)
	if !ok {
		return a.deny(ctx, method, errNotVerified)
	}
	if err := want.Check(id); err != nil {
		return a.deny(ctx, method, err)
	}
	return nil
}

type contextKey struct{}

// FromContext returns the caller's identity inside a handler that an Authorizer
// admitted.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(contextKey{}).(Identity)
	return id, ok
}

// callerOf reads the identity from the connection. VerifiedChains, not
// PeerCertificates: only the former is proof of a handshake that checked.
func callerOf(state tls.ConnectionState) (Identity, error) {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return Identity{}, errNotVerified
	}
	return FromCertificate(state.VerifiedChains[0][0])
}

func addrOf(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return "unknown"
}
