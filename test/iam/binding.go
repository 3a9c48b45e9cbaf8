package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"sigs.k8s.io/yaml"
)

// Bindings are the bindings of a role in deploy/iam/gcs: the form of a bucket's IAM policy.
// https://cloud.google.com/iam/docs/reference/rest/v1/Policy
type Bindings struct {
	Bindings []Binding `json:"bindings"`
}

// Binding gives members a role, where the condition holds.
type Binding struct {
	Role      string     `json:"role"`
	Members   []string   `json:"members"`
	Condition *Condition `json:"condition,omitempty"`
}

// Condition is an expression in CEL over the resource.
type Condition struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Expression  string `json:"expression"`
}

// CustomRole is a file of gcloud iam roles create --file.
type CustomRole struct {
	Title               string   `json:"title"`
	Description         string   `json:"description"`
	Stage               string   `json:"stage"`
	IncludedPermissions []string `json:"includedPermissions"`
}

// maxOperators is what a condition may have of && || !.
// https://cloud.google.com/iam/docs/conditions-overview (Limits)
const maxOperators = 12

// ParseBindings reads a file of bindings; nothing in it may be unknown.
func ParseBindings(doc []byte) (*Bindings, error) {
	b := &Bindings{}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	return b, d.Decode(b)
}

// ParseRole reads a custom role.
func ParseRole(doc []byte) (*CustomRole, error) {
	r := &CustomRole{}
	return r, yaml.UnmarshalStrict(doc, r)
}

// clauseGrant is one permission, where one clause of the condition holds.
type clauseGrant struct {
	role, permission, clause string
	program                  cel.Program // nil: everywhere
}

func (g clauseGrant) String() string {
	return fmt.Sprintf("%s: %s where %s", g.role, g.permission, g.clause)
}

// Allows evaluates the clause over the attributes that Cloud Storage gives.
// https://cloud.google.com/iam/docs/conditions-resource-attributes
func (g clauseGrant) Allows(n Need) bool {
	if n.Action != g.permission {
		return false
	}
	if g.program == nil {
		return true
	}
	out, _, err := g.program.Eval(map[string]any{"resource": map[string]string{
		"name": n.Resource, "service": "storage.googleapis.com", "type": n.Context["resource.type"],
	}})
	yes, ok := false, false
	if err == nil {
		yes, ok = out.Value().(bool)
	}
	return ok && yes
}

// Grants takes the bindings apart: by permission, and by the clauses that || joins.
func (b *Bindings) Grants(roles map[string]*CustomRole) ([]Grant, error) {
	var out []Grant
	for _, bind := range b.Bindings {
		name := bind.Role[strings.LastIndex(bind.Role, "/")+1:]
		role := roles[name]
		if role == nil {
			return nil, fmt.Errorf("role %q has no file", bind.Role)
		}
		clauses, err := bind.clauses()
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", bind.Role, err)
		}
		for _, permission := range role.IncludedPermissions {
			for _, c := range clauses {
				c.role, c.permission = name, permission
				out = append(out, c)
			}
		}
	}
	return out, nil
}

func (b Binding) clauses() (out []clauseGrant, err error) {
	if b.Condition == nil {
		return []clauseGrant{{clause: "(everywhere in the bucket)"}}, nil
	}
	e := b.Condition.Expression
	if n := strings.Count(e, "||") + strings.Count(e, "&&") + strings.Count(e, "!"); n > maxOperators || strings.ContainsAny(e, "&!") {
		return nil, fmt.Errorf("condition %q: %d operators, only || and at most %d are expected", b.Condition.Title, n, maxOperators)
	}
	env, err := cel.NewEnv(cel.Variable("resource", cel.MapType(cel.StringType, cel.StringType)))
	if err != nil {
		return nil, err
	}
	for clause := range strings.SplitSeq(e, "||") {
		clause = strings.TrimSpace(clause)
		ast, issues := env.Compile(clause)
		if issues.Err() != nil {
			return nil, issues.Err()
		}
		program, err := env.Program(ast)
		if err != nil {
			return nil, err
		}
		out = append(out, clauseGrant{clause: clause, program: program})
	}
	return out, nil
}
