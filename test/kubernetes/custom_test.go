package kubernetes_test

import (
	"context"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// testCustomResources defines a resource, which opens more clients of the store, and uses it.
func (c *cluster) testCustomResources(t *testing.T) {
	definitions, err := apiextensions.NewForConfig(c.api.Config)
	check(t, err)
	objects, err := dynamic.NewForConfig(c.api.Config)
	check(t, err)
	crds := definitions.ApiextensionsV1().CustomResourceDefinitions()
	crd, err := crds.Create(t.Context(), lampDefinition(), metav1.CreateOptions{})
	check(t, err)
	await(t, "the resource is established", func(ctx context.Context) (bool, error) {
		crd, err = crds.Get(ctx, crd.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range crd.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	lamps := objects.Resource(schema.GroupVersionResource{Group: "test.netsy.dev", Version: "v1", Resource: "lamps"}).Namespace(metav1.NamespaceDefault)
	lamp := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "test.netsy.dev/v1", "kind": "Lamp", "metadata": map[string]any{"name": "desk"}, "spec": map[string]any{"watts": int64(7)},
	}}
	await(t, "a lamp is made", func(ctx context.Context) (bool, error) {
		made, err := lamps.Create(ctx, lamp, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil // established is not yet served
		}
		if err == nil {
			lamp = made
		}
		return err == nil, err
	})
	check(t, unstructured.SetNestedField(lamp.Object, int64(9), "spec", "watts"))
	changed, err := lamps.Update(t.Context(), lamp, metav1.UpdateOptions{})
	check(t, err)
	w, err := lamps.Watch(t.Context(), metav1.ListOptions{ResourceVersion: lamp.GetResourceVersion()})
	check(t, err)
	defer w.Stop()
	if e := <-w.ResultChan(); e.Type != watch.Modified || e.Object.(*unstructured.Unstructured).GetResourceVersion() != changed.GetResourceVersion() {
		t.Errorf("got %s %v", e.Type, e.Object)
	}
	check(t, crds.Delete(t.Context(), crd.Name, metav1.DeleteOptions{}))
	await(t, "the resource and its objects are gone", func(ctx context.Context) (bool, error) {
		_, err := crds.Get(ctx, crd.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

func lampDefinition() *apiextensionsv1.CustomResourceDefinition {
	preserve := true
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "lamps.test.netsy.dev"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "test.netsy.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "lamps", Singular: "lamp", Kind: "Lamp", ListKind: "LampList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve}},
			}},
		},
	}
}
