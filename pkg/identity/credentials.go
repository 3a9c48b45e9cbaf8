package identity

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
)

// ServerCredentials are ServerTLS for a gRPC server, with refused handshakes
// logged and counted (gRPC itself drops them silently).
func (s *Source) ServerCredentials(port Port) credentials.TransportCredentials {
	return &reporting{credentials.NewTLS(s.ServerTLS(port)), newRefusals(s.log, s.metrics)}
}

// ClientCredentials are ClientTLS for a gRPC client, with refused servers logged
// and counted.
func (s *Source) ClientCredentials(want Expect) credentials.TransportCredentials {
	return &reporting{credentials.NewTLS(s.ClientTLS(want)), newRefusals(s.log, s.metrics)}
}

// reporting adds reports of failed handshakes to other credentials.
type reporting struct {
	credentials.TransportCredentials
	refused *refusals
}

func (r *reporting) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := r.TransportCredentials.ServerHandshake(c)
	if err != nil {
		r.refused.report("server", err, "peer", c.RemoteAddr().String())
	}
	return conn, info, err
}

func (r *reporting) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, c)
	if err != nil && ctx.Err() == nil {
		r.refused.report("client", err, "peer", c.RemoteAddr().String())
	}
	return conn, info, err
}

// Clone is called by gRPC for each connection it sets up; the limit on logging
// must outlive them, so it is shared.
func (r *reporting) Clone() credentials.TransportCredentials {
	return &reporting{r.TransportCredentials.Clone(), r.refused}
}
