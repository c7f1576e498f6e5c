package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	envoygateway "github.com/envoyproxy/gateway/api/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// Every kind that may be made. Another one is a failure.
var kinds = map[string]func() meta.Object{
	"apps/v1 Deployment":                            func() meta.Object { return &apps.Deployment{} },
	"autoscaling/v2 HorizontalPodAutoscaler":        func() meta.Object { return &autoscaling.HorizontalPodAutoscaler{} },
	"v1 ConfigMap":                                  func() meta.Object { return &core.ConfigMap{} },
	"v1 Service":                                    func() meta.Object { return &core.Service{} },
	"v1 ServiceAccount":                             func() meta.Object { return &core.ServiceAccount{} },
	"networking.k8s.io/v1 Ingress":                  func() meta.Object { return &networking.Ingress{} },
	"networking.k8s.io/v1 NetworkPolicy":            func() meta.Object { return &networking.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":                 func() meta.Object { return &policy.PodDisruptionBudget{} },
	"gateway.networking.k8s.io/v1 HTTPRoute":        func() meta.Object { return &gatewayapi.HTTPRoute{} },
	"monitoring.coreos.com/v1 PodMonitor":           func() meta.Object { return &monitoring.PodMonitor{} },
	"gateway.envoyproxy.io/v1alpha1 SecurityPolicy": func() meta.Object { return &envoygateway.SecurityPolicy{} },
	"gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy": func() meta.Object {
		return &envoygateway.ClientTrafficPolicy{}
	},
	"gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy": func() meta.Object {
		return &envoygateway.EnvoyExtensionPolicy{}
	},
}

// Traefik's types cannot be had as a module without its replacements.
var undecoded = map[string]bool{
	"traefik.io/v1alpha1 Middleware":   true,
	"traefik.io/v1alpha1 IngressRoute": true,
}

// decode reads every document strictly: an unknown field, or one that stands twice, is a failure.
func decode(t *testing.T, text []byte) []meta.Object {
	t.Helper()
	var objects []meta.Object
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		var about meta.TypeMeta
		if err := yaml.Unmarshal(document, &about); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if about.Kind == "" && about.APIVersion == "" {
			continue
		}
		kind := about.APIVersion + " " + about.Kind
		if undecoded[kind] {
			continue
		}
		make, known := kinds[kind]
		if !known {
			t.Fatalf("%s is not expected", kind)
		}
		object := make()
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			t.Fatalf("%s: %v in\n%s", kind, err, document)
		}
		objects = append(objects, object)
	}
}

func find[T meta.Object](objects []meta.Object) (T, bool) {
	for _, object := range objects {
		if found, ok := object.(T); ok {
			return found, true
		}
	}
	var none T
	return none, false
}

func the[T meta.Object](t *testing.T, objects []meta.Object) T {
	t.Helper()
	found, ok := find[T](objects)
	if !ok {
		t.Fatalf("no %T", found)
	}
	return found
}
